"""The table model over a whole document: rows are parsed when they are shown, a filter is an array of row numbers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from arny_studio.contract import Contract
from arny_studio.dataset.document import Document
from arny_studio.ui.data.faces import RowFace, face_of
from arny_studio.ui.widgets.items_model import RIGHT, AnyIndex

COLUMNS = ("Row", "User query", "Intent", "Journey", "Complexity", "Confidence", "Flags", "Problems")
ROW, QUERY, INTENT, JOURNEY, COMPLEXITY, CONFIDENCE, FLAGS, PROBLEMS = range(len(COLUMNS))
FACE_ROLE = Qt.ItemDataRole.UserRole + 1
_KEPT_FACES = 4096
_NO_PARENT = QModelIndex()


class RowsModel(QAbstractTableModel):
    """Rows of one document, all of them or those that a filter left."""

    def __init__(self, contract: Contract, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._contract = contract
        self._document: Document | None = None
        self._shown: np.ndarray | None = None  # (n,) int64 row numbers; None: every row
        self._faces: OrderedDict[int, RowFace] = OrderedDict()

    def show_document(self, document: Document | None) -> None:
        """Show every row of a document, or nothing."""
        self.beginResetModel()
        self._document, self._shown = document, None
        self._faces.clear()
        self.endResetModel()

    def show_rows(self, rows: np.ndarray | None) -> None:
        """Show only these rows (int64, ascending), or every row again."""
        self.beginResetModel()
        self._shown = rows
        self.endResetModel()

    def row_at(self, line: int) -> int:
        """The document's row number at a line of the table."""
        return line if self._shown is None else int(self._shown[line])

    def line_of(self, row: int) -> int | None:
        """The line of the table that shows a row of the document; None where the filter hides it."""
        if self._shown is None:
            return row if row < self.rowCount() else None
        line = int(np.searchsorted(self._shown, row))
        return line if line < len(self._shown) and int(self._shown[line]) == row else None

    def rowCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """How many rows are shown."""
        if parent.isValid() or self._document is None:
            return 0
        return self._document.row_count if self._shown is None else len(self._shown)

    def columnCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Always the same columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column names."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == ROW:
            return RIGHT
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, alignment, or the whole face for the delegate."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if index.column() == ROW else None
        if role not in (Qt.ItemDataRole.DisplayRole, FACE_ROLE):
            return None
        row = self.row_at(index.row())
        face = self._face(row)
        return face if role == FACE_ROLE else _text(row, face, index.column())

    def _face(self, row: int) -> RowFace:
        assert self._document is not None
        if row not in self._faces:
            self._faces[row] = face_of(self._document, row, self._contract)
            if len(self._faces) > _KEPT_FACES:
                self._faces.popitem(last=False)
        return self._faces[row]


def _text(row: int, face: RowFace, column: int) -> str:
    match column:
        case 0:
            return f"{row + 1:,}"
        case 1:
            return face.query
        case 2:
            return face.intent
        case 3:
            return face.journey
        case 4:
            return "" if face.complexity is None else f"{face.complexity:g}"
        case 5:
            return "" if face.confidence is None else f"{face.confidence:.2f}"
        case 6:
            return " ".join(face.flags)
        case _:
            return str(face.problems) if face.problems else ""
