"""What is done with the whole file: history, snapshots, contract, split, leaks, and rows that are generated into it."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog
from shiboken6 import isValid

from arny_studio.contract import built_in_contracts, load_contract
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import START, Change
from arny_studio.dataset.patch_file import PatchWriter
from arny_studio.dataset.row_diff import change_to, diff_rows
from arny_studio.dataset.snapshots import Snapshot
from arny_studio.dataset.text_order import query_of
from arny_studio.errors import ArnyError
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import DataRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.data.bulk_work import BulkWork
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.generate_dialog import GenerateDialog
from arny_studio.ui.data.history_dialog import HistoryDialog, RowChange
from arny_studio.ui.data.name_dialog import NameDialog
from arny_studio.ui.data.open_document import OpenDocument
from arny_studio.ui.data.row_faces import QUERY_CHARACTERS
from arny_studio.ui.data.scanning import Scanning, recipe_for
from arny_studio.ui.data.split_dialog import SplitDialog
from arny_studio.ui.data.tab import DataTab
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import TabContext
from arny_studio.ui.wording import count_in_words

_MOST_CHANGES = 5_000


class FileWork(QObject):
    """Dialogs about the document in front, and the work behind them."""

    said = Signal(str)
    open_requested = Signal(object)  # Path

    def __init__(
        self, tab: DataTab, desk: Desk, bulk: BulkWork, scanning: Scanning, background: Background, context: TabContext
    ) -> None:
        super().__init__(tab)
        self._tab = tab
        self._desk = desk
        self._bulk = bulk
        self._scanning = scanning
        self._background = background
        self._context = context

    def start(self, recipe: DataRecipe) -> ActiveJob | None:
        """Start a pass whose end is told here."""
        try:
            job = self._context.jobs.start("data", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return None
        job.is_quiet = True
        return job

    def preview_rows(self, dialog: GenerateDialog, recipe: DataRecipe) -> None:
        """Generate a few rows aside and show what their users say."""
        folder = Path(tempfile.mkdtemp(prefix="arny-preview-"))
        path = folder / "preview.jsonl"
        job = self.start(msgspec.structs.replace(recipe, path=str(path), title="Preview generated rows"))
        if job is not None:
            job.ended.connect(partial(self._on_previewed, dialog, path))

    def _on_previewed(self, dialog: GenerateDialog, path: Path, outcome: Outcome) -> None:
        queries = (
            [query_of(line, QUERY_CHARACTERS) for line in path.read_bytes().splitlines()] if outcome.is_success else []
        )
        shutil.rmtree(path.parent, ignore_errors=True)
        if isValid(dialog):
            dialog.show_preview(queries or [f"{outcome.sentence} {outcome.hint}".strip()])

    def append_file(self, path: Path) -> None:
        """Put the rows of a file behind the last row of the document in front, as one step, and remove the file."""
        opened = self._desk.current
        if opened is None:
            return
        document, version = opened.document, opened.document.version
        patch = document.new_patch_path()
        done = partial(self._on_appended, opened, path, patch, version)
        self._background.run("append", partial(_write_appending, document, path, patch), done)

    def _on_appended(self, opened: OpenDocument, path: Path, patch: Path, version: int, count: int) -> None:
        path.unlink(missing_ok=True)
        self._bulk.apply_patch(opened, f"Add {count_in_words(count, 'generated row')}", patch, version)

    @Slot()
    def show_history(self) -> HistoryDialog | None:
        """Open the history of the document in front."""
        opened = self._desk.current
        if opened is None:
            return None
        dialog = HistoryDialog(self._context.theme, self._tab)
        dialog.compare_requested.connect(partial(self._on_compare_requested, opened, dialog))
        dialog.restore_requested.connect(partial(self._on_restore_requested, opened, dialog))
        dialog.name_requested.connect(partial(self.name_snapshot, dialog))
        dialog.finished.connect(dialog.deleteLater)
        dialog.show_snapshots(opened.document.snapshots.all())
        dialog.open()
        return dialog

    def name_snapshot(self, history: HistoryDialog | None = None) -> NameDialog | None:
        """Ask for a name, then keep the document as it is now under it."""
        opened = self._desk.current
        if opened is None:
            return None
        about = "It stays until you remove it, whatever else is thinned out."
        dialog = NameDialog("Keep a snapshot", about, "Keep it", history or self._tab)
        dialog.given.connect(partial(self._on_snapshot_named, opened, history))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _on_snapshot_named(self, opened: OpenDocument, history: HistoryDialog | None, name: str) -> None:
        def done(snapshot: Snapshot) -> None:
            self.said.emit(f"Kept the snapshot “{snapshot.title}”.")
            if history is not None:
                history.show_snapshots(opened.document.snapshots.all())

        self._background.run("snapshot", partial(opened.document.take_snapshot, name, "named"), done)

    def _on_compare_requested(self, opened: OpenDocument, dialog: HistoryDialog, snapshot: Snapshot) -> None:
        work = partial(_changes_since, opened.document, snapshot)
        self._background.run("compare", work, lambda found: dialog.show_changes(*found))

    def _on_restore_requested(self, opened: OpenDocument, dialog: HistoryDialog, snapshot: Snapshot) -> None:
        title = f"Go back to “{snapshot.title}”"

        def done(change: Change) -> None:
            self._bulk.apply_change(opened, change)
            dialog.accept()

        self._background.run("restore", partial(_way_back, opened.document, snapshot, title), done)

    @Slot()
    def choose_contract(self) -> None:
        """Hold the answers of this document against another contract."""
        opened = self._desk.current
        if opened is None:
            return
        choices = [(f"{load_contract(name).block.title} ({name})", name) for name in built_in_contracts()]
        about = "The form, the problems and the statistics follow it; no row changes."
        dialog = NameDialog("Use another contract", about, "Use it", self._tab, choices=choices)
        dialog.choice.choose(opened.contract.id)
        dialog.given.connect(partial(self._on_contract_chosen, opened))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_contract_chosen(self, opened: OpenDocument, name: str) -> None:
        if name != opened.contract.id:
            opened.use_contract(load_contract(name))
            self._desk.current_changed.emit()
            self._scanning.scan(opened)

    @Slot()
    def show_split(self) -> None:
        """Ask how to split the file of the document in front."""
        opened = self._desk.current
        if opened is None:
            return
        dialog = SplitDialog(opened.path.name, opened.document.row_count, self._tab)
        dialog.split_requested.connect(partial(self._on_split_requested, opened))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_split_requested(self, opened: OpenDocument, validation: float, test: float, keeps_groups: bool) -> None:
        recipe = recipe_for(
            opened.document, opened.contract.id, task="split", validation_share=validation, test_share=test,
            near_duplicates=keeps_groups, title=f"Split {opened.path.name}",
        )  # fmt: skip
        job = self.start(recipe)
        if job is not None:
            self.said.emit(f"Splitting {opened.path.name}…")
            job.ended.connect(partial(self._on_split, job))

    def _on_split(self, job: ActiveJob, outcome: Outcome) -> None:
        if not outcome.is_success:
            return
        paths = [Path(artifact.path) for artifact in job.state.artifacts if artifact.kind == "dataset"]
        buttons = {f"Open {path.name}": partial(self.open_requested.emit, path) for path in paths[:3]}
        self._context.messages.show_message("success", outcome.sentence, buttons=buttons)

    @Slot()
    def choose_other_file(self) -> None:
        """Ask which file's queries must not occur in this one."""
        opened = self._desk.current
        if opened is None:
            return
        dialog = QFileDialog(self._tab, "Look for leaks into…", str(opened.path.parent), "JSONL files (*.jsonl)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(partial(self._on_other_file_chosen, opened))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_other_file_chosen(self, opened: OpenDocument, name: str) -> None:
        opened.against = name
        self._scanning.scan(opened, is_checked=True)


def _write_appending(document: Document, path: Path, patch: Path) -> int:
    """A patch that puts the rows of a file behind the last row; returns how many."""
    last = document.key_of(document.row_count - 1) if document.row_count else START
    with PatchWriter(patch) as writer, path.open("rb") as lines:
        for line in lines:
            if line.strip():
                writer.insert(last, line)
        return writer.count


def _changes_since(document: Document, snapshot: Snapshot) -> tuple[str, list[RowChange]]:
    """A sentence and the rows that are different now."""
    old = Document.open(document.snapshots.content(snapshot), read_only=True)
    try:
        found = diff_rows(old, document)
        changes = [
            RowChange("changed", int(new), old.raw(int(was)), document.raw(int(new)))
            for was, new in _first(found.changed)
        ]
        changes += [RowChange("new", int(row), b"", document.raw(int(row))) for row in _first(found.added)]
        changes += [RowChange("deleted", int(row), old.raw(int(row)), b"") for row in _first(found.removed)]
    finally:
        old.close()
    counts = ((len(found.changed), "changed"), (len(found.added), "new"), (len(found.removed), "deleted"))
    said = ", ".join(f"{count_in_words(count, 'row')} {what}" for count, what in counts if count)
    return (f"Since then: {said}." if said else "Nothing has changed since then."), changes


def _way_back(document: Document, snapshot: Snapshot, title: str) -> Change:
    """The change that makes the rows those of the snapshot."""
    old = Document.open(document.snapshots.content(snapshot), read_only=True)
    try:
        return change_to(document, old, title)
    finally:
        old.close()


def _first(rows: np.ndarray) -> np.ndarray:
    return rows[:_MOST_CHANGES]
