"""The problems that a check of the whole file found, as a list that leads to their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import Qt

from arny_studio.dataset.samples import RowProblem
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel

MOST_PROBLEMS = 100_000


class ProblemsModel(ItemsModel[RowProblem]):
    """Problems in file order."""

    columns = ("Line", "Severity", "Where", "What")

    def cell(self, item: RowProblem, column: int, role: int) -> Any:
        """Texts, and the severity as a chip."""
        if role == CHIPS_ROLE and column == 1:
            return [(item.severity, "danger" if item.severity == "error" else "warning")]
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        where = "" if item.path == "$" else item.path
        return (f"{item.line:,}", item.severity, where, item.sentence)[column]


def read_problems(path: Path) -> list[RowProblem]:
    """The first problems of a check's `problems.jsonl`. Raises OSError where the file cannot be read."""
    decoder = msgspec.json.Decoder(RowProblem)
    with path.open("rb") as lines:
        return [decoder.decode(line) for _, line in zip(range(MOST_PROBLEMS), lines, strict=False)]
