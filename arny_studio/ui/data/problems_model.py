"""The problems that a check of the whole file found, as a list that leads to their rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from arny_studio.dataset.samples import RowProblem

COLUMNS = ("Line", "Severity", "Where", "What")
MOST_PROBLEMS = 100_000
_Index = QModelIndex


class ProblemsModel(QAbstractTableModel):
    """Problems in file order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._problems: Sequence[RowProblem] = ()

    def show_problems(self, problems: Sequence[RowProblem]) -> None:
        """Replace what is listed."""
        self.beginResetModel()
        self._problems = problems
        self.endResetModel()

    def problem_at(self, line: int) -> RowProblem:
        """The problem on a line of the list."""
        return self._problems[line]

    def rowCount(self, parent: QModelIndex = _Index()) -> int:  # noqa: B008 - Qt's own signature
        """How many problems are listed."""
        return 0 if parent.isValid() else len(self._problems)

    def columnCount(self, parent: QModelIndex = _Index()) -> int:  # noqa: B008 - Qt's own signature
        """Always the same columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column names."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The cell's text."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        problem = self._problems[index.row()]
        where = "" if problem.path == "$" else problem.path
        return (f"{problem.line:,}", problem.severity, where, problem.sentence)[index.column()]


def read_problems(path: Path) -> list[RowProblem]:
    """The first problems of a check's `problems.jsonl`. Raises OSError where the file cannot be read."""
    decoder = msgspec.json.Decoder(RowProblem)
    with path.open("rb") as lines:
        return [decoder.decode(line) for _, line in zip(range(MOST_PROBLEMS), lines, strict=False)]
