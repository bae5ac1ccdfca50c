"""Scans of the open documents by the data worker: their columns, from which everything else is filtered and counted."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from arny_studio.dataset.columns import Columns
from arny_studio.dataset.document import Document
from arny_studio.dataset.undo import Touched
from arny_studio.errors import ArnyError
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.state import RunState
from arny_studio.recipe import DataRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.open_document import MOST_TOKENS, OpenDocument
from arny_studio.ui.data.row_index import RowIndex
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import TabContext
from arny_studio.ui.wording import count_in_words

MOST_ROWS_READ_HERE = 200  # of one change; more are looked at by a new scan


class _Scan(msgspec.Struct):
    """A scan that goes on, and what was edited since it began."""

    job: ActiveJob
    contract: str
    touched: set[int] = msgspec.field(default_factory=set)
    is_stale: bool = False
    is_checked: bool = False  # somebody asked for it, so its end is told


class Scanning(QObject):
    """At most one scan per document; one that was overtaken by a large change is begun again."""

    state_changed = Signal(str, bool)  # sentence about the document in front, whether a check can be asked for
    checked = Signal(object)  # ScanSummary of a check that was asked for

    def __init__(self, desk: Desk, context: TabContext, background: Background) -> None:
        super().__init__(desk)
        self._desk = desk
        self._context = context
        self._background = background
        self._scans: dict[OpenDocument, _Scan] = {}
        desk.touched.connect(self._on_touched)
        desk.current_changed.connect(self._say)

    def scan(self, opened: OpenDocument, *, is_checked: bool = False) -> None:
        """Scan a document as it stands now, unsaved edits included."""
        if opened not in self._desk.documents:
            return
        known = self._scans.get(opened)
        if known is not None:
            known.is_stale, known.is_checked = True, known.is_checked or is_checked
            return
        recipe = _scan_recipe(opened)
        try:
            job = self._context.jobs.start("data", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        job.is_quiet = True
        self._scans[opened] = _Scan(job=job, contract=opened.contract.id, is_checked=is_checked)
        job.changed.connect(partial(self._on_progress, opened))
        job.ended.connect(partial(self._on_ended, opened, job))
        self._say()

    def rescan_current(self) -> None:
        """Scan the document in front again."""
        if self._desk.current is not None:
            self.scan(self._desk.current)

    def check_current(self) -> None:
        """Scan the document in front because somebody wants to know."""
        if self._desk.current is not None:
            self._desk.current.looks_for_near_duplicates = True
            self.scan(self._desk.current, is_checked=True)

    def forget(self, opened: OpenDocument) -> None:
        """The document is closed."""
        scan = self._scans.pop(opened, None)
        if scan is not None:
            scan.job.stop("now")

    @Slot(object)
    def _on_touched(self, touched: Touched) -> None:
        scan = self._scans.get(self._desk.current) if self._desk.current is not None else None
        if scan is None:
            return
        if len(touched.keys) > MOST_ROWS_READ_HERE:
            scan.is_stale = True
        else:
            scan.touched |= set(touched.keys.tolist())

    def _on_progress(self, opened: OpenDocument, _state: RunState) -> None:
        if opened is self._desk.current:
            self._say()

    def _on_ended(self, opened: OpenDocument, job: ActiveJob, outcome: Outcome) -> None:
        scan = self._scans.pop(opened, None)
        if scan is None:
            return
        if not outcome.is_success:
            self.state_changed.emit(outcome.sentence, True)
            return
        if scan.is_stale or scan.contract != opened.contract.id:
            self.scan(opened, is_checked=scan.is_checked)
            return
        read = partial(_read_columns, job.folder.outputs / "columns")
        self._background.run(f"columns {id(opened)}", read, partial(self._on_columns, opened, scan))

    def _on_columns(self, opened: OpenDocument, scan: _Scan, columns: Columns) -> None:
        if opened not in self._desk.documents:
            return
        document = opened.document
        opened.index = RowIndex(columns)
        present = [key for key in scan.touched if document.row_of(key) >= 0]
        rows = {key: opened.checker.columns_of(document.raw_of(key)) for key in present}
        opened.index.note(rows, document.keys)
        opened.imbalance = columns.summary.imbalance
        if opened is self._desk.current:
            self._desk.columns_changed.emit()
            self._say()
        if scan.is_checked:
            self.checked.emit(columns.summary)

    @Slot()
    def _say(self) -> None:
        opened = self._desk.current
        if opened is None:
            return
        scan = self._scans.get(opened)
        if scan is None:
            is_read = opened.index is not None
            self.state_changed.emit("Checked as you edit." if is_read else "Not checked yet.", True)
            return
        progress = scan.job.state.progress
        done = "" if progress is None else f" {count_in_words(progress.done, 'row')} so far."
        self.state_changed.emit(f"Reading the whole file…{done}", False)


def recipe_for(document: Document, contract: str, **fields: object) -> DataRecipe:
    """A pass over a document exactly as the window shows it, unsaved edits included."""
    view = document.view()
    shared = {"path": view.path, "journal": view.journal, "journal_bytes": view.journal_bytes, "version": view.version}
    return msgspec.convert({"kind": "data", "contract": contract, **shared, **fields}, DataRecipe)


def _scan_recipe(opened: OpenDocument) -> DataRecipe:
    return recipe_for(
        opened.document, opened.contract.id, task="scan", against=opened.against, max_tokens=MOST_TOKENS,
        near_duplicates=opened.looks_for_near_duplicates, title=f"Check {opened.path.name}",
    )  # fmt: skip


def _read_columns(folder: Path) -> Columns:
    """Map the columns and take their names away: the space goes with the last reader, and no run keeps it."""
    columns = Columns.open(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return columns
