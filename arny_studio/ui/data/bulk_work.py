"""Changes of many rows: prepared by the data worker as a patch, looked through, applied as one undo step."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import ApplyPatch, Change, JudgeRows
from arny_studio.dataset.judging import JudgedRows, JudgingCancelled, judged_rows
from arny_studio.dataset.patch_file import PatchFile
from arny_studio.dataset.problems import kind_of
from arny_studio.errors import ArnyError
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.state import RunState
from arny_studio.recipe import DataRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.data.bulk_dialog import ALL, JUDGE, MATCHING, SELECTED, BulkDialog, BulkWish
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.editing import Editing
from arny_studio.ui.data.fix_dialog import FixDialog
from arny_studio.ui.data.open_document import OpenDocument
from arny_studio.ui.data.row_faces import fix_of, why_fix
from arny_studio.ui.data.scanning import recipe_for
from arny_studio.ui.data.tab import DataTab
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import TabContext
from arny_studio.ui.wording import count_in_words


class Prepared:
    """A change of texts, or of reviews alone, that was prepared for one version of a document."""

    def __init__(self, opened: OpenDocument, version: int, title: str, patch: PatchFile | JudgedRows) -> None:
        self.opened = opened
        self.version = version
        self.title = title
        self.patch = patch


class BulkWork(QObject):
    """Between the bulk dialog, the data worker and the document in front."""

    said = Signal(str)

    def __init__(self, tab: DataTab, desk: Desk, editing: Editing, background: Background, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._desk = desk
        self._editing = editing
        self._background = background
        self._context = context
        self._job: ActiveJob | None = None
        self._prepared: Prepared | None = None
        self._is_void = threading.Event()  # set: nobody wants the judging that is worked out any more
        self.dialog: BulkDialog | None = None
        editing.fix_previewed.connect(self._on_fix_previewed)
        tab.bulk_requested.connect(self.show_bulk)
        tab.problems.fix_all_requested.connect(self.fix_all)
        tab.problems.fix_row_requested.connect(self._on_fix_row_requested)

    @Slot()
    def show_bulk(self) -> BulkDialog | None:
        """Open the dialog for the document in front."""
        opened = self._desk.current
        if opened is None or opened.document.is_read_only:
            self.said.emit("Open a dataset that can be written first.")
            return None
        dialog = BulkDialog(self._context.theme, opened.contract, self._counts(opened), self._tab)
        dialog.preview_requested.connect(partial(self._on_preview_requested, opened))
        dialog.apply_requested.connect(self._on_apply_requested)
        dialog.cancelled.connect(self._on_cancelled)
        dialog.finished.connect(dialog.deleteLater)
        self.dialog = dialog
        dialog.open()
        dialog.forms["replace"].focus()
        return dialog

    @Slot(str)
    def fix_all(self, kind: str) -> None:
        """Prepare the repair of one kind of problem in the whole file, and show it."""
        dialog = self.show_bulk()
        if dialog is None:
            return
        operation, arguments = (
            ("drop_duplicates", {}) if "duplicate" in kind and "key" not in kind else ("fix", {"kind": kind})
        )
        if kind == "near-duplicate":
            arguments = {"near": "true"}
        dialog.scope.choose(ALL)
        dialog.choose(operation, {name: value for name, value in arguments.items() if name != "near"})
        self._on_preview_requested(self._current(), BulkWish(operation, dialog.wish.arguments | arguments, ALL))

    def delete_selected(self) -> None:
        """Prepare to delete the selected rows, and show which."""
        dialog = self.show_bulk()
        if dialog is not None:
            dialog.scope.choose(SELECTED)
            dialog.choose("delete", {})
            self._on_preview_requested(self._current(), BulkWish("delete", {}, SELECTED))

    def judge_selected(self) -> None:
        """Ask how to judge the selected rows."""
        dialog = self.show_bulk()
        if dialog is not None:
            dialog.scope.choose(SELECTED)
            dialog.operation.choose(JUDGE)

    def apply_patch(self, opened: OpenDocument, title: str, path: Path, version: int) -> None:
        """Keep a snapshot, then apply a patch as one undo step."""
        self.apply_change(opened, Change(title, (ApplyPatch(str(path)),), version))

    def apply_change(self, opened: OpenDocument, change: Change) -> None:
        """Keep a snapshot, then make a large change as one undo step."""
        work = partial(opened.document.take_snapshot, f"Before: {change.title}", "bulk")
        self._background.run("bulk snapshot", work, lambda _: self._apply(opened, change))

    def _apply(self, opened: OpenDocument, change: Change) -> None:
        try:
            opened.document.apply(change)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._tell(change.title)

    def _tell(self, title: str) -> None:
        """It is done; the dialog has nothing left to do."""
        self.said.emit(f"{title}. Ctrl+Z takes it back.")
        if self.dialog is not None:
            self.dialog.accept()
            self.dialog = None

    def _counts(self, opened: OpenDocument) -> dict[str, int]:
        selected = self._tab.table.selected_count()
        matching = opened.line_count if opened.query.strip() else 0
        return {MATCHING: matching, SELECTED: selected, ALL: opened.document.row_count}

    def _current(self) -> OpenDocument:
        assert self._desk.current is not None
        return self._desk.current

    def _on_preview_requested(self, opened: OpenDocument, wish: BulkWish) -> None:
        self._forget_prepared()
        if wish.operation == JUDGE:
            self._prepare_judging(opened, wish.scope)
            return
        document = opened.document
        out = document.new_patch_path()
        only = self._keys_file(opened, wish.scope, out.with_suffix(".npy"))
        recipe = recipe_for(
            document, opened.contract.id, task="bulk", operation=wish.operation, arguments=wish.arguments,
            only=only, out=str(out), title=f"Prepare a change of {opened.path.name}",
        )  # fmt: skip
        job = self._start(recipe)
        if job is None or self.dialog is None:
            return
        self._job = job
        self.dialog.show_progress(None, "Preparing the change…")
        job.changed.connect(self._on_progress)
        job.ended.connect(partial(self._on_prepared, job, opened, recipe, out))

    def _keys_file(self, opened: OpenDocument, scope: str, path: Path) -> str:
        """The keys that a scope means, as a file; empty for all rows."""
        if scope == ALL:
            return ""
        np.save(path, self._keys(opened, scope))
        return str(path)

    def _keys(self, opened: OpenDocument, scope: str) -> np.ndarray:
        """The keys that a scope means, int64."""
        shown = opened.document.keys if opened.shown is None else opened.shown
        if scope == ALL:
            shown = opened.document.keys
        elif scope == SELECTED:
            lines = [np.arange(first, last + 1) for first, last in self._tab.table.selected_lines()]
            shown = shown[np.concatenate(lines)] if lines else np.zeros(0, np.int64)
        return np.asarray(shown, dtype=np.int64)

    def _prepare_judging(self, opened: OpenDocument, scope: str) -> None:
        """Work out, in a thread, which reviews would change."""
        dialog = self.dialog
        if dialog is None:
            return
        judging, version = dialog.judging.judging, opened.document.version
        if judging.is_empty:
            dialog.show_failure("Say which tag, decision or note first.")
            return
        self._is_void = is_void = threading.Event()
        dialog.show_progress(None, "Looking at the reviews…")
        work = partial(judged_rows, opened.document, self._keys(opened, scope), judging, is_void=is_void.is_set)
        done = partial(self._on_judged, opened, version, judging.title)
        self._background.run("judging", work, done, self._on_judging_failed)

    def _on_judged(self, opened: OpenDocument, version: int, title: str, rows: JudgedRows) -> None:
        if self.dialog is not None and self.dialog.wish.operation == JUDGE:
            self._prepared = Prepared(opened, version, title, rows)
            self.dialog.show_judged(rows, opened.document)

    def _on_judging_failed(self, error: Exception) -> None:
        if not isinstance(error, JudgingCancelled):
            raise error

    def _judge(self, prepared: Prepared, rows: JudgedRows) -> None:
        """Apply it in a thread, since a million reviews take seconds."""
        change = Change(prepared.title, (JudgeRows(rows),), prepared.version)
        work = partial(prepared.opened.document.apply, change)
        self._background.run("judge", work, lambda _: self._tell(change.title))

    def _on_progress(self, state: RunState) -> None:
        if self.dialog is not None and state.outcome is None and state.progress is not None:
            self.dialog.show_progress(state.fraction, f"{count_in_words(state.progress.done, 'row')} looked at…")

    def _on_prepared(
        self, job: ActiveJob, opened: OpenDocument, recipe: DataRecipe, out: Path, outcome: Outcome
    ) -> None:
        if recipe.only:
            Path(recipe.only).unlink(missing_ok=True)
        if job is not self._job or self.dialog is None:
            return
        self._job = None
        if not outcome.is_success:
            self.dialog.show_failure(f"{outcome.sentence} {outcome.hint}".strip())
            return
        values = job.state.results.get("patch", {})
        try:
            patch = PatchFile(out)
        except ArnyError as error:
            self.dialog.show_failure(error.sentence)
            return
        title = str(values.get("title") or "Bulk edit")
        self._prepared = Prepared(opened, recipe.version, title, patch)
        self.dialog.show_patch(patch, opened.document, int(values.get("failed", 0)))

    @Slot(object)
    def _on_apply_requested(self, wanted: np.ndarray) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            return
        patch = prepared.patch
        if isinstance(patch, JudgedRows):
            self._judge(prepared, patch.subset(wanted))
            return
        if wanted.all():
            patch.close()
            self.apply_patch(prepared.opened, prepared.title, patch.path, prepared.version)
            return
        some = prepared.opened.document.new_patch_path().with_suffix(".some.patch")
        apply = partial(self._on_subset_written, prepared, patch, some)
        self._background.run("bulk subset", partial(patch.write_subset, wanted, some), apply)

    def _on_subset_written(self, prepared: Prepared, patch: PatchFile, some: Path, _result: object) -> None:
        patch.close()
        patch.path.unlink(missing_ok=True)
        self.apply_patch(prepared.opened, prepared.title, some, prepared.version)

    @Slot()
    def _on_cancelled(self) -> None:
        if self._job is not None:
            self._job.stop("now")
            self._job = None
        self._is_void.set()
        self._forget_prepared()
        self.dialog = None

    def _forget_prepared(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None and isinstance(prepared.patch, PatchFile):
            prepared.patch.close()
            prepared.patch.path.unlink(missing_ok=True)

    def _start(self, recipe: DataRecipe) -> ActiveJob | None:
        try:
            job = self._context.jobs.start("data", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return None
        job.is_quiet = True
        return job

    @Slot(str)
    def _on_fix_row_requested(self, kind: str) -> None:
        opened = self._desk.current
        key = opened.current_key if opened is not None else None
        if opened is None or key is None:
            return
        before = opened.document.raw_of(key)
        after = fix_of(kind_of(kind), before, opened.contract)
        if after is None:
            self.said.emit("This row has nothing that this repair would change.")
        else:
            self._on_fix_previewed(kind, (before, after))

    @Slot(object, object)
    def _on_fix_previewed(self, kind: str, change: tuple[bytes, bytes]) -> None:
        title = kind_of(kind).fix
        dialog = FixDialog(self._context.theme, title, why_fix(kind_of(kind), change[0]), change, self._tab)
        dialog.accepted.connect(partial(self._editing.fix_current, title, change[1]))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


def decoded(document: Document, key: int) -> str:
    """A row as text, for showing."""
    return document.raw_of(key).decode("utf-8", "replace")
