"""The table model over a whole document: rows are parsed when they are shown, a filter or an order is an array of keys."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from arny_studio.ui.data.open_document import OpenDocument, Sort
from arny_studio.ui.data.row_faces import problem_titles
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, RIGHT, AnyIndex
from arny_studio.ui.widgets.text import as_tooltip

COLUMNS = (
    "Row", "Review", "User query", "Intent", "Journey", "Complexity", "Confidence", "Flags", "Turns", "Characters",
    "Tokens", "Problems", "Tags",
)  # fmt: skip
(
    ROW, REVIEW, QUERY, INTENT, JOURNEY, COMPLEXITY, CONFIDENCE, FLAGS, TURNS, CHARACTERS, TOKENS, PROBLEMS, TAGS,
) = range(len(COLUMNS))  # fmt: skip
# What each column is called where rows are ordered.
SORT_NAMES = {
    ROW: "", REVIEW: "review", QUERY: "query", INTENT: "intent", JOURNEY: "journey", COMPLEXITY: "complexity",
    CONFIDENCE: "confidence", FLAGS: "flags", TURNS: "turns", CHARACTERS: "characters", TOKENS: "tokens",
    PROBLEMS: "problems", TAGS: "tags",
}  # fmt: skip
SHARE_ROLE = Qt.ItemDataRole.UserRole + 2  # (text, share 0–1, whether at or above the limit)
NUMBERS = frozenset({ROW, TURNS, CHARACTERS, TOKENS})
_STATUS_CHIPS = {"accepted": ("A", "success"), "rejected": ("R", "danger"), "flagged": ("F", "warning")}  # their keys
_FLAG_TONES = {"asks": "warning", "executes": "success", "reasons": "system", "several": "accent"}
_NO_PARENT = QModelIndex()


class RowsModel(QAbstractTableModel):
    """Rows of one document: all of them, or those that a filter left, in file order or another one."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._opened: OpenDocument | None = None
        self._row_count = 0

    def show_document(self, opened: OpenDocument | None) -> None:
        """Show what `opened.shown` says of a document, or nothing."""
        self.beginResetModel()
        self._opened = opened
        self._row_count = 0 if opened is None else opened.line_count
        self.endResetModel()

    def refresh(self) -> None:
        """What is shown says something else now; the rows are the same ones."""
        if self._row_count:
            last = self.index(self._row_count - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def key_at(self, line: int) -> int:
        """The key of the row at a line."""
        assert self._opened is not None
        return self._opened.key_at(line)

    def line_of(self, key: int) -> int | None:
        """The line of a row; None where the filter hides it."""
        return None if self._opened is None else self._opened.line_of(key)

    def rowCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """How many rows are shown."""
        return 0 if parent.isValid() else self._row_count

    def columnCount(self, parent: AnyIndex = _NO_PARENT) -> int:
        """Always the same columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column names, with an arrow at the one that orders the rows."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section] + self._arrow(section)
        return RIGHT if role == Qt.ItemDataRole.TextAlignmentRole and section in NUMBERS else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, chips, a share for the delegate, alignment, or a tooltip."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return RIGHT if index.column() in NUMBERS else None
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, CHIPS_ROLE, SHARE_ROLE):
            return None
        opened = self._opened
        if opened is None or not 0 <= index.row() < opened.line_count:
            return None
        key = opened.key_at(index.row())
        if opened.document.row_of(key) < 0:
            return "deleted" if role == Qt.ItemDataRole.DisplayRole and index.column() == QUERY else None
        if role == CHIPS_ROLE:
            return _chips(opened, key, index.column())
        if role == SHARE_ROLE:
            return _share(opened, key, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_tooltip(_tooltip(opened, key, index.column()))
        return _text(opened, key, index.column())

    def _arrow(self, section: int) -> str:
        sort: Sort | None = self._opened.sort if self._opened is not None else None
        if sort is None or SORT_NAMES[section] != sort.column:
            return ""
        return "  ↓" if sort.is_descending else "  ↑"


def _text(opened: OpenDocument, key: int, column: int) -> str:
    match column:
        case 0:
            return f"{opened.document.row_of(key) + 1:,}"
        case 2:
            return opened.face(key).query
        case 3:
            return opened.face(key).intent
        case 4:
            return opened.face(key).journey
        case 8:
            return _figure(opened.face(key).turns)
        case 9:
            return _figure(opened.face(key).characters)
        case 10:
            return _figure(opened.tokens(key))
    return ""


def _chips(opened: OpenDocument, key: int, column: int) -> list[tuple[str, str]] | None:
    if column == REVIEW:
        status = opened.review(key).status
        return [_STATUS_CHIPS[status]] if status else []
    if column == TAGS:
        return [(tag, "neutral") for tag in opened.review(key).tags]
    if column == FLAGS:
        return [(flag, _FLAG_TONES[flag]) for flag in opened.face(key).flags]
    if column == PROBLEMS:
        mask = opened.problems(key)
        tone = "danger" if opened.face(key).has_errors else "warning"
        return [(str(mask.bit_count()), tone)] if mask else []
    return None


def _share(opened: OpenDocument, key: int, column: int) -> tuple[str, float, bool] | None:
    """Figure, share of the most, and whether it reaches the contract's limit."""
    face, contract = opened.face(key), opened.contract
    if column == COMPLEXITY and face.complexity is not None:
        return f"{face.complexity:g}", face.complexity / 100, face.complexity >= contract.threshold
    if column == CONFIDENCE and face.confidence is not None:
        return f"{face.confidence:.2f}", face.confidence, face.confidence >= contract.confidence_floor
    return None


def _tooltip(opened: OpenDocument, key: int, column: int) -> str:
    if column == PROBLEMS:
        return problem_titles(opened.problems(key))
    if column == QUERY:
        return opened.face(key).query
    if column == REVIEW:
        review = opened.review(key)
        return f"{review.status}. {review.note}".strip(". ")
    return ""


def _figure(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
