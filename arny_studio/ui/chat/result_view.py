"""A reply that is laid out as a table, shown as one: signs for columns line up in a terminal, not in a bubble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from PySide6.QtWidgets import QGridLayout, QWidget

from arny_studio.ui.chat.conversation import Exchange
from arny_studio.ui.widgets.layout import clear, space
from arny_studio.ui.widgets.text import label

_EDGE = "|"


class LaidOut(Struct, frozen=True):
    """A reply in parts: words above the table, its rows, and words below."""

    above: str
    rows: tuple[dict[str, Any], ...]
    below: str


def laid_out(exchange: Exchange) -> LaidOut:
    """The reply in parts; no rows where it is all words. The rows are those that the service gave, not parsed text."""
    lines = exchange.reply.split("\n")
    table = [number for number, line in enumerate(lines) if line.startswith(_EDGE)]
    if exchange.executed is None or exchange.replied is None or not table:
        return LaidOut(exchange.reply, (), "")
    above, below = lines[: table[0]], lines[table[-1] + 1 :]
    return LaidOut("\n".join(above), tuple(exchange.executed.rows), "\n".join(below).strip())


class ResultTable(QWidget):
    """Rows that have the same keys, under a line of headings. Plain text, selectable."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(space("m"))
        self._grid.setVerticalSpacing(space("xs"))

    def show_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show rows; hidden where there are none."""
        clear(self._grid)
        self.setVisible(bool(rows))
        names = list(rows[0]) if rows else []
        for place, name in enumerate(names):
            longest = max(len(str(each.get(name, ""))) for each in rows)
            self._grid.setColumnStretch(place, max(longest, len(name)))
            self._grid.addWidget(label(name.replace("_", " ").capitalize(), "overline"), 0, place)
        for line, each in enumerate(rows, start=1):
            for place, name in enumerate(names):
                shown = label(str(each.get(name, "")), wraps=True, selectable=True)
                self._grid.addWidget(shown, line, place)
