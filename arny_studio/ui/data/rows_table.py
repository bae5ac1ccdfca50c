"""The table of rows: several may be selected, a click on a header orders, columns are chosen in a menu."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QMenu

from arny_studio.ui.data.table_delegate import RowsDelegate
from arny_studio.ui.data.table_model import (
    CHARACTERS,
    COLUMNS,
    COMPLEXITY,
    CONFIDENCE,
    FLAGS,
    INTENT,
    JOURNEY,
    PROBLEMS,
    QUERY,
    REVIEW,
    ROW,
    SORT_NAMES,
    TAGS,
    TOKENS,
    TURNS,
    RowsModel,
)
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.table import Table

_WIDTHS = {
    ROW: 60, REVIEW: 60, INTENT: 150, JOURNEY: 120, COMPLEXITY: 100, CONFIDENCE: 104, FLAGS: 124, TURNS: 60,
    CHARACTERS: 92, TOKENS: 72, PROBLEMS: 78, TAGS: 120,
}  # fmt: skip
_HIDDEN_BELOW = {INTENT: 1040, CONFIDENCE: 900, FLAGS: 760, COMPLEXITY: 560, JOURNEY: 460, REVIEW: 340}
_HIDDEN_AT_FIRST = frozenset({TURNS, CHARACTERS, TOKENS, TAGS})
_ALWAYS = frozenset({ROW, QUERY})


class RowsTable(Table):
    """Reads only what is visible, so a million rows cost what thirty do."""

    sort_requested = Signal(str)  # name of the column, empty for the file's order
    edit_requested = Signal()
    columns_chosen = Signal(object)  # the names of the shown columns

    def __init__(self, model: RowsModel, theme: ThemeSwitcher) -> None:
        self._chosen: frozenset[str] | None = None
        super().__init__(model, _WIDTHS, QUERY, hidden_below=_HIDDEN_BELOW)
        self._rows = model
        self.setItemDelegate(RowsDelegate(theme, self))
        self.setAccessibleName("Rows of the dataset")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self._on_header_clicked)
        for column in _HIDDEN_AT_FIRST:
            self.setColumnHidden(column, True)

    def selected_lines(self) -> list[tuple[int, int]]:
        """First and last line of each stretch that is selected."""
        selection = self.selectionModel().selection()
        return [(part.top(), part.bottom()) for part in map(selection.at, range(selection.count()))]

    def selected_count(self) -> int:
        """How many lines are selected."""
        return sum(last - first + 1 for first, last in self.selected_lines())

    def select_line(self, line: int) -> None:
        """Select one line alone and bring it into view."""
        index = self.model().index(line, QUERY)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.scrollTo(index)

    def show_columns(self, names: frozenset[str] | None) -> None:
        """Show these columns and no others, whatever the width; None: what fits."""
        self._chosen = names
        for column, name in enumerate(COLUMNS):
            is_hidden = column in _HIDDEN_AT_FIRST if names is None else name not in names
            self.setColumnHidden(column, is_hidden and column not in _ALWAYS)
        if names is None:
            self._hide_by_width(self.width())

    def fill_menu(self, menu: QMenu) -> None:
        """One entry per column, ticked where it is shown."""
        menu.clear()
        for column, name in enumerate(COLUMNS):
            if column in _ALWAYS:
                continue
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(column))
            action.setData(name)
            action.toggled.connect(self._on_column_toggled)
        menu.addSeparator()
        menu.addAction("What fits").triggered.connect(self._on_fit_chosen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter edits the row."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.edit_requested.emit()
            return
        super().keyPressEvent(event)

    def _hide_by_width(self, width: int) -> None:
        if self._chosen is None:
            super()._hide_by_width(width)

    @Slot(int)
    def _on_header_clicked(self, section: int) -> None:
        self.sort_requested.emit(SORT_NAMES[section])

    @Slot(bool)
    def _on_column_toggled(self, _is_on: bool) -> None:
        sender = self.sender()
        name = sender.data() if sender is not None and hasattr(sender, "data") else ""  # pyright: ignore
        shown = {known for column, known in enumerate(COLUMNS) if not self.isColumnHidden(column)}
        names = frozenset(shown ^ {name})
        self.show_columns(names)
        self.columns_chosen.emit(sorted(names))

    @Slot()
    def _on_fit_chosen(self) -> None:
        self.show_columns(None)
        self.columns_chosen.emit([])
