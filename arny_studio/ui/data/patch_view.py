"""A prepared change to look through before it is applied: its rows with ticks, and what happens to the selected one.

A change of texts is a patch file, one of reviews alone are `JudgedRows`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QSplitter, QWidget

from arny_studio.dataset.document import Document
from arny_studio.dataset.judging import JudgedRows, review_in_words
from arny_studio.dataset.patch_file import INSERT, REMOVE, PatchFile
from arny_studio.ui.data.diff_view import DiffView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.items_model import AnyIndex
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import button, label
from arny_studio.ui.wording import count_in_words

_ROW, _WHAT = 0, 1
_NO_PARENT = QModelIndex()

Prepared = PatchFile | JudgedRows


class PatchModel(QAbstractTableModel):
    """The entries of a prepared change; a tick says whether an entry is wanted."""

    wanted_changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._patch: Prepared | None = None
        self._document: Document | None = None
        self.wanted = np.zeros(0, dtype=bool)

    def show_patch(self, patch: Prepared | None, document: Document | None) -> None:
        """Show another patch, everything ticked."""
        self.beginResetModel()
        self._patch, self._document = patch, document
        self.wanted = np.ones(patch.count if patch is not None else 0, dtype=bool)
        self.endResetModel()
        self.wanted_changed.emit()

    def tick_all(self, is_wanted: bool) -> None:
        """Tick or clear every entry."""
        self.wanted[:] = is_wanted
        if len(self.wanted):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.wanted) - 1, 0))
        self.wanted_changed.emit()

    def change_at(self, line: int) -> tuple[str, str]:
        """The row, or its review, before and after."""
        assert self._patch is not None and self._document is not None
        if isinstance(self._patch, JudgedRows):
            return review_in_words(self._patch.before[line]), review_in_words(self._patch.after[line])
        is_new = self._patch.kinds[line] == INSERT
        before = b"" if is_new else self._document.raw_of(int(self._patch.keys[line]))
        return before.decode("utf-8", "replace"), self._patch.text(line).decode("utf-8", "replace")

    def rowCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """One line per entry."""
        return 0 if parent.isValid() else len(self.wanted)

    def columnCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Row and what happens."""
        return 0 if parent.isValid() else 2

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column names."""
        is_name = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return ("Row", "What happens")[section] if is_name else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Tick, row number, and what happens to the row."""
        if role == Qt.ItemDataRole.CheckStateRole and index.column() == _ROW:
            return Qt.CheckState.Checked if self.wanted[index.row()] else Qt.CheckState.Unchecked
        if role != Qt.ItemDataRole.DisplayRole or self._patch is None or self._document is None:
            return None
        if index.column() == _ROW:
            return f"{self._document.row_of(int(self._patch.keys[index.row()])) + 1:,}"
        if isinstance(self._patch, JudgedRows):
            return "is judged"
        kind = int(self._patch.kinds[index.row()])
        return {REMOVE: "goes", INSERT: "is new"}.get(kind, "changes")

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """The first column can be ticked."""
        known = super().flags(index)
        return known | Qt.ItemFlag.ItemIsUserCheckable if index.column() == _ROW else known

    def setData(self, index: AnyIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tick or clear an entry."""
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self.wanted[index.row()] = Qt.CheckState(value) == Qt.CheckState.Checked
        self.dataChanged.emit(index, index)
        self.wanted_changed.emit()
        return True


class PatchView(QWidget):
    """The list and the difference side by side."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.model = PatchModel(self)
        self.table = Table(self.model, {_ROW: 96}, _WHAT)
        self.table.setAccessibleName("Rows that change")
        self.diff = DiffView(theme)
        self._count = label(role="muted")
        self._all, self._none = button("Tick all", "quiet"), button("Tick none", "quiet")
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.table)
        splitter.addWidget(self.diff)
        splitter.setSizes([250, 500])
        self.table.setMinimumWidth(210)
        splitter.setHandleWidth(space("s"))
        splitter.setChildrenCollapsible(False)
        layout = column(row(self._count, 1, self._all, self._none), gap="s")
        layout.addWidget(splitter, 1)
        self.setLayout(layout)
        self._all.clicked.connect(self._on_all)
        self._none.clicked.connect(self._on_none)
        self.model.wanted_changed.connect(self._show_count)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)

    def show_patch(self, patch: Prepared | None, document: Document | None) -> None:
        """Show a prepared change, from its first entry."""
        self.model.show_patch(patch, document)
        self.diff.show_nothing()
        if self.model.rowCount():
            self.table.select_line(0)

    @Slot()
    def _show_count(self) -> None:
        wanted, total = int(self.model.wanted.sum()), len(self.model.wanted)
        said = count_in_words(total, "row")
        self._count.setText(said if wanted == total else f"{wanted:,} of {said}")

    @Slot()
    def _on_all(self) -> None:
        self.model.tick_all(True)

    @Slot()
    def _on_none(self) -> None:
        self.model.tick_all(False)

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.diff.show_change(*self.model.change_at(current.row()))
