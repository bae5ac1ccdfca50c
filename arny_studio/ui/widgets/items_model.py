"""A read-only table model over a sequence, with roles for cells that are painted as chips or bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from arny_studio.ui.widgets.text import as_tooltip

CHIPS_ROLE = Qt.ItemDataRole.UserRole + 1  # list of (text, tone)
SHARE_ROLE = Qt.ItemDataRole.UserRole + 2  # 0–1, painted as a bar
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
Item = TypeVar("Item")
AnyIndex = QModelIndex | QPersistentModelIndex
_NO_PARENT = QModelIndex()


class ItemsModel(QAbstractTableModel, Generic[Item]):
    """A read-only table over a sequence. Subclasses say what stands in a cell."""

    columns: tuple[str, ...] = ()
    numbers: frozenset[int] = frozenset()  # columns aligned to the right

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items: Sequence[Item] = ()

    def show_items(self, items: Sequence[Item]) -> None:
        """Replace what is listed."""
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def cell(self, item: Item, column: int, role: int) -> Any:
        """What Qt asks for, for DisplayRole, CHIPS_ROLE and SHARE_ROLE; None where there is nothing."""
        raise NotImplementedError

    def tooltip(self, item: Item, column: int) -> str:
        """What a cell may be too narrow for, as plain text; empty where the cell says it all."""
        return ""

    def rowCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """How many items are listed."""
        return 0 if parent.isValid() else len(self.items)

    def columnCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Always the same columns."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column names."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and section in self.numbers:
            return RIGHT
        return self.columns[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The cell."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if index.column() in self.numbers else None
        if role in (Qt.ItemDataRole.DisplayRole, CHIPS_ROLE, SHARE_ROLE):
            return self.cell(self.items[index.row()], index.column(), role)
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_tooltip(self.tooltip(self.items[index.row()], index.column()))
        return None
