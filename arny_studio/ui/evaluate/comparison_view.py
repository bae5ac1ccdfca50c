"""One wrong row: what was expected and what was predicted, field by field."""

from __future__ import annotations

from typing import Any

import orjson
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.evaluate.records import WrongRow, compared_fields
from arny_studio.ui.widgets.bubble import Bubble
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.layout import clear, column, holder, scrolled, space
from arny_studio.ui.widgets.text import TextRole, breakable, label

_MOST_PROBLEMS = 10
_NARROWEST = 272  # pixels: two values beside a name without a word cut off


class ComparisonView(Card):
    """Differences stand out, the rest stays quiet."""

    def __init__(self, contract: Contract) -> None:
        super().__init__("Expected and predicted")
        self._contract = contract
        self._body = QVBoxLayout()
        self._body.setSpacing(space("m"))
        content = column(self._body, 1)
        content.setContentsMargins(0, 0, space("s"), 0)
        self.add(scrolled(holder(content)), 1)
        self.setMinimumWidth(_NARROWEST)
        self.show_nothing()

    def show_nothing(self) -> None:
        """No row is selected."""
        clear(self._body)
        self._body.addWidget(label("Select a wrong row to see what was expected.", "muted", wraps=True))

    def show_row(self, wrong: WrongRow) -> None:
        """A wrong row."""
        clear(self._body)
        prediction = wrong.prediction
        self._body.addWidget(Bubble("user", prediction.query, is_wide=True))
        self._body.addWidget(label(f"Wrong in: {', '.join(wrong.faults)}", "warning", wraps=True))
        for sentence in prediction.problems[:_MOST_PROBLEMS]:
            self._body.addWidget(label(sentence, "danger", wraps=True, selectable=True))
        if prediction.decision is None:
            self._body.addWidget(Bubble("assistant", prediction.text, name="As it came", is_code=True, is_wide=True))
        self._body.addWidget(self._fields(wrong))

    def _fields(self, wrong: WrongRow) -> QWidget:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("s"))
        for number, title in enumerate(("", "Expected", "Predicted")):
            grid.addWidget(label(title, "overline"), 0, number)
        for line, (name, expected, predicted) in enumerate(compared_fields(wrong.prediction, self._contract), start=1):
            differs = expected != predicted
            grid.addWidget(label(name.replace("_", " "), "muted", wraps=True), line, 0, Qt.AlignmentFlag.AlignTop)
            is_known = wrong.prediction.expected is not None or name == self._contract.roles.journey
            grid.addWidget(_value(expected if is_known else ..., "success" if differs else "body"), line, 1)
            grid.addWidget(_value(predicted, "danger" if differs and is_known else "body"), line, 2)
        for number in (1, 2):
            grid.setColumnStretch(number, 1)
        return holder(grid)


def _value(value: Any, role: TextRole) -> QWidget:
    if value is ...:
        return label("not known", "muted")
    made = label(breakable(_in_words(value)), role, wraps=True)
    made.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    return made


def _in_words(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return ", ".join(_in_words(item) for item in value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()
