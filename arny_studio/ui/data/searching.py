"""Search, order and counts of the document in front: asked in a thread, shown when they come, the newest wins."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from arny_studio.dataset.filtering import SearchCancelled
from arny_studio.dataset.undo import Touched
from arny_studio.errors import ArnyError
from arny_studio.ui.background import Background
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.filter_bar import FilterBar
from arny_studio.ui.data.lookup import Found, Wanted, look_up
from arny_studio.ui.data.open_document import OpenDocument, Sort
from arny_studio.ui.data.scanning import MOST_ROWS_READ_HERE
from arny_studio.ui.settings import SettingsStore
from arny_studio.ui.wording import count_in_words

_RECOUNT_DELAY_MS = 400


class Searching(QObject):
    """Between the filter bar, the table's order and the columns."""

    found = Signal(object)  # Found
    rescan_wanted = Signal()  # so many rows changed that they have to be scanned

    def __init__(self, bar: FilterBar, desk: Desk, background: Background, settings: SettingsStore) -> None:
        super().__init__(bar)
        self._bar = bar
        self._desk = desk
        self._background = background
        self._settings = settings
        self._is_void = threading.Event()
        self._is_list_due = False  # a search is on its way whose rows are to be shown
        self._recount = QTimer(self, singleShot=True, interval=_RECOUNT_DELAY_MS)
        self._recount.timeout.connect(partial(self.look_up, keep_rows=True))
        self._restructure = QTimer(self, singleShot=True, interval=0)
        self._restructure.timeout.connect(self.look_up)
        bar.query_changed.connect(self._on_query_changed)
        bar.save_requested.connect(self._on_save_requested)
        bar.forget_requested.connect(self._on_forget_requested)
        bar.show_saved(settings.values.saved_filters)
        desk.current_changed.connect(self._on_current_changed)
        desk.columns_changed.connect(self.look_up)
        desk.touched.connect(self._on_touched)

    def search(self, query: str) -> None:
        """Search for something else."""
        self._bar.search(query)

    def add_term(self, term: str) -> None:
        """Narrow the query by a term; where it is there already, widen it again."""
        words = self._bar.query.strip()
        present = f" {words} ".find(f" {term} ")
        query = f" {words} ".replace(f" {term} ", " ").strip() if present >= 0 else f"{words} {term}".strip()
        self._bar.search(query)

    def sort_by(self, column: str) -> None:
        """Order by a column; again: the other way round, then the file's order."""
        opened = self._desk.current
        if opened is None:
            return
        known = opened.sort
        if known is None or known.column != column:
            opened.sort = Sort(column, is_descending=column == "")
        else:
            opened.sort = Sort(column, is_descending=True) if column and not known.is_descending else None
        self.look_up()

    def stop(self) -> None:
        """Nothing that is still being searched is wanted any more."""
        self._is_void.set()
        self._background.forget("search")

    @Slot()
    def look_up(self, *, keep_rows: bool = False) -> None:
        """Ask for everything that follows from query and order. `keep_rows`: the list stays as it is, counts are new."""
        opened = self._desk.current
        self._is_void.set()
        if opened is None:
            return
        if opened.index is None:
            self._show_plain(opened)
            return
        self._is_void = is_void = threading.Event()
        self._is_list_due = self._is_list_due or not keep_rows
        keep_rows = not self._is_list_due
        wanted = Wanted(opened.query, None if keep_rows else opened.sort)
        index, document = opened.index, opened.document
        work = partial(index.read, lambda columns: look_up(wanted, columns, document, is_void.is_set))
        self._background.run("search", work, partial(self._on_found, opened, keep_rows), self._on_failed)

    def _show_plain(self, opened: OpenDocument) -> None:
        """Every row, until the columns are there."""
        opened.shown = None
        self._bar.show_count(count_in_words(opened.document.row_count, "row"))
        self._desk.shown_changed.emit()

    def _on_found(self, opened: OpenDocument, keep_rows: bool, found: Found) -> None:
        opened.pairs = found.pairs
        if opened is not self._desk.current:
            return
        if not keep_rows:
            self._is_list_due = False
            opened.shown = found.keys
        total = count_in_words(found.rows, "row")
        is_filtered = bool(found.wanted.query.strip())
        self._bar.show_count(
            f"{found.matches:,} of {total}" if is_filtered else total, can_select=is_filtered and found.matches > 0
        )
        self._bar.show_error("")
        self._bar.show_words(found.words)
        if not keep_rows:
            self._desk.shown_changed.emit()
        self.found.emit(found)

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, SearchCancelled):
            return
        self._is_list_due = False
        if not isinstance(error, ArnyError):
            raise error
        self._bar.show_error(f"{error.sentence} {error.hint}".strip())

    @Slot(str)
    def _on_query_changed(self, query: str) -> None:
        opened = self._desk.current
        if opened is not None and opened.query != query:
            opened.query = query
            self.look_up()
        elif opened is not None:
            self._bar.show_error(self._bar.error.text() if query.strip() else "")

    @Slot()
    def _on_current_changed(self) -> None:
        opened = self._desk.current
        self._is_void.set()
        self._bar.show_error("")
        self._bar.show_query(opened.query if opened is not None else "")
        self.look_up()

    @Slot(object)
    def _on_touched(self, touched: Touched) -> None:
        """Note the edit; counts follow a little later, the list at once where rows came or went."""
        opened = self._desk.current
        if opened is None:
            return
        if opened.index is not None:
            self._note(opened, touched)
        if touched.structure:
            self._restructure.start()
        else:
            self._recount.start()

    def _note(self, opened: OpenDocument, touched: Touched) -> None:
        assert opened.index is not None
        document = opened.document
        is_many = len(touched.keys) > MOST_ROWS_READ_HERE
        keys = np.zeros(0, np.int64) if is_many else touched.keys
        present = [int(key) for key in keys if document.row_of(int(key)) >= 0]
        rows = {key: opened.checker.columns_of(document.raw_of(key)) for key in present}
        opened.index.note(rows, document.keys if touched.structure else None)
        if is_many and not (touched.review and not touched.structure):
            self.rescan_wanted.emit()

    @Slot(str)
    def _on_save_requested(self, query: str) -> None:
        self._remember({**self._settings.values.saved_filters, query: query})

    @Slot(str)
    def _on_forget_requested(self, name: str) -> None:
        saved = self._settings.values.saved_filters
        self._remember({known: query for known, query in saved.items() if known != name})

    def _remember(self, saved: dict[str, str]) -> None:
        self._settings.change(saved_filters=saved)
        self._bar.show_saved(saved)
