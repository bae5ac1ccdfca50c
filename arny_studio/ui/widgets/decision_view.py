"""A routing decision to read: its fields as a form-like summary, or the JSON as it is."""

from __future__ import annotations

from typing import Any

import orjson
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QSizePolicy, QWidget

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.chip import Chip, Tone
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.layout import clear, column, holder, row, space
from arny_studio.ui.widgets.text import breakable, button, label


class ScoreBar(QWidget):
    """A score from 0 to `most` as a bar, the limit that it is held against as a tick."""

    def __init__(
        self, theme: ThemeSwitcher, value: float, most: float, limit: float, *, above: str, below: str
    ) -> None:
        super().__init__()
        self._theme = theme
        self._share = min(1.0, max(0.0, value / most))
        self._limit = limit / most
        self._role = above if value >= limit else below
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """Wide enough to read, as low as a line."""
        return QSize(120, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Groove, bar, tick."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle = self.height() / 2
        self._bar(painter, self._theme.color("surface_pressed"), middle, 1.0)
        self._bar(painter, self._theme.color(self._role), middle, self._share)
        painter.setBrush(self._theme.color("text"))
        painter.drawRect(QRectF(self._limit * (self.width() - 2), middle - 7, 2, 14))
        painter.end()

    def _bar(self, painter: QPainter, color: QColor, middle: float, share: float) -> None:
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(0, middle - 3, self.width() * share, 6), 3, 3)

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.update()


class DecisionView(QWidget):
    """Shows any JSON object; numbers named in `limits` (field → (most, limit)) become bars with their limit."""

    def __init__(self, theme: ThemeSwitcher, limits: dict[str, tuple[float, float]]) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._limits = limits
        self._fields_layout = QGridLayout()
        self._fields_layout.setHorizontalSpacing(space("l"))
        self._fields_layout.setVerticalSpacing(space("s"))
        self._fields_layout.setColumnStretch(1, 1)
        self._json = label(role="code", wraps=True, selectable=True)
        self._switches = QButtonGroup(self)
        self._fields_page = holder(column(self._fields_layout, 1))
        self._json_page = holder(column(self._json, 1))
        switches = row(*(self._switch(number, text) for number, text in enumerate(("Fields", "JSON"))), 1, gap="xs")
        self.setLayout(column(switches, self._fields_page, self._json_page, gap="s"))
        self._switches.idClicked.connect(self._on_switched)
        self._switches.button(0).setChecked(True)
        self._on_switched(0)

    def show_decision(self, decision: dict[str, Any], text: str = "") -> None:
        """Show the fields in their order, and the JSON: `text` as it came, else the decision itself."""
        clear(self._fields_layout)
        for line, (name, value) in enumerate(decision.items()):
            title = label(name.replace("_", " "), "muted")
            self._fields_layout.addWidget(title, line, 0, Qt.AlignmentFlag.AlignTop)
            self._fields_layout.addWidget(self._value(name, value), line, 1)
        self._json.setText(text or orjson.dumps(decision, option=orjson.OPT_INDENT_2).decode())

    def _switch(self, number: int, text: str) -> QWidget:
        made = button(text, "quiet")
        made.setCheckable(True)
        self._switches.addButton(made, number)
        return made

    @Slot(int)
    def _on_switched(self, number: int) -> None:
        self._fields_page.setVisible(number == 0)
        self._json_page.setVisible(number == 1)

    def _value(self, name: str, value: Any) -> QWidget:
        if value is None:
            return label("none", "muted")
        if isinstance(value, bool):
            return _in_row(Chip("yes" if value else "no", "accent" if value else "neutral"))
        if isinstance(value, int | float) and name in self._limits:
            return self._score(name, value)
        if isinstance(value, list):
            return _chips(value)
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        if name.endswith("journey") or (len(text) < 24 and text.replace("_", "").isalnum() and text.islower()):
            return _in_row(Chip(text, "accent" if name.endswith("journey") else "neutral"))
        return label(breakable(text), wraps=True)  # the JSON page has the text to copy

    def _score(self, name: str, value: float) -> QWidget:
        most, limit = self._limits[name]
        is_confidence = most <= 1
        above, below = ("success", "warning") if is_confidence else ("system", "accent")
        number = label(f"{value:g}", "lead")
        number.setMinimumWidth(40)
        return holder(row(number, ScoreBar(self._theme, value, most, limit, above=above, below=below)))


def _chips(values: list[Any]) -> QWidget:
    tone: Tone = "neutral"
    return _in_row(*(Chip(str(value), tone) for value in values[:8])) if values else label("none", "muted")


def _in_row(*widgets: QWidget) -> QWidget:
    return holder(FlowLayout(*widgets))
