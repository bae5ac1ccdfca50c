"""Parts of a whole as one bar, with a mark where the room ends, and a legend that names the parts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import QRectF, QSize, Slot
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.layout import clear, column, holder, row
from arny_studio.ui.widgets.text import label, plain_tooltip

_BAR_PX, _LEAST_PX = 14, 2.0


class BarPart(Struct, frozen=True, kw_only=True):
    """One part: its size in the bar's unit, its colour role, its size in words, and what stands behind it."""

    title: str
    size: float
    role: str
    words: str
    about: str = ""


class _Bar(QWidget):
    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self._theme = theme
        self.parts: Sequence[BarPart] = ()
        self.room = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """As low as a line of text."""
        return QSize(120, _BAR_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The groove, the parts from the left, the mark of the room."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = QRectF(0, 1, self.width(), _BAR_PX - 2)
        clip = QPainterPath()
        clip.addRoundedRect(groove, 5, 5)
        painter.setClipPath(clip)
        painter.fillRect(groove, self._theme.color("surface_pressed"))
        total = sum(part.size for part in self.parts)
        per_unit = self.width() / max(1.0, total, self.room)
        left = 0.0
        for part in self.parts:
            width = max(_LEAST_PX, part.size * per_unit) if part.size else 0.0
            painter.fillRect(QRectF(left, 0, width, _BAR_PX), self._theme.color(part.role))
            left += width
        painter.setClipping(False)
        if total > self.room > 0:
            painter.fillRect(QRectF(self.room * per_unit - 1, 0, 2, _BAR_PX), self._theme.color("danger"))
        painter.end()

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.update()


class StackedBar(QWidget):
    """The bar is as long as the room, or as the parts where they need more: then a mark shows where the room ends."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._bar = _Bar(theme)
        self._legend = FlowLayout(gap="m")
        self.setLayout(column(self._bar, holder(self._legend), gap="xs"))
        theme.theme_changed.connect(self._on_theme_changed)

    def show_parts(self, parts: Sequence[BarPart], room: float) -> None:
        """Show other parts, largest first in reading; `room` is in the same unit, 0 for unknown."""
        self._bar.parts, self._bar.room = parts, room
        self._bar.update()
        clear(self._legend)
        for part in parts:
            ink = self._theme.color(part.role).name()
            mark = label("■", "caption")
            mark.setStyleSheet(f"color: {ink};")
            name = label(f"{part.title} {part.words}", "caption")
            plain_tooltip(name, part.about)
            self._legend.addWidget(holder(row(mark, name, gap="xs")))

    @property
    def parts(self) -> Sequence[BarPart]:
        """What is shown."""
        return self._bar.parts

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.show_parts(self._bar.parts, self._bar.room)
