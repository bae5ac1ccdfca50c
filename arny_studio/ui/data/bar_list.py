"""A list of bars to click: a label, how many, and how many of all where a filter is on."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from arny_studio.ui.theme import ThemeSwitcher, scale

_BAR_PX, _FIGURE_PX, _LABEL_SHARE = 24, 76, 0.42


class ShownBar(Struct, frozen=True, kw_only=True):
    """One bar. `count` of the rows shown, `total` of all rows; `query` is what a click filters by."""

    label: str
    count: int
    total: int
    query: str = ""
    tone: str = "accent"


class BarList(QWidget):
    """Bars in one painted widget. Arrow keys move, Enter and Space choose."""

    chosen = Signal(str)  # query

    def __init__(self, theme: ThemeSwitcher, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._bars: Sequence[ShownBar] = ()
        self._is_filtered = False
        self._current = 0
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        theme.theme_changed.connect(self._on_theme_changed)

    @property
    def bars(self) -> Sequence[ShownBar]:
        """What is shown."""
        return self._bars

    def show_bars(self, bars: Sequence[ShownBar], *, is_filtered: bool) -> None:
        """Replace the bars. `is_filtered`: totals are shown behind the counts."""
        self._bars, self._is_filtered = bars, is_filtered
        self._current = min(self._current, max(0, len(bars) - 1))
        self.setFixedHeight(max(1, len(bars)) * _BAR_PX)
        self.update()

    def bar_at(self, y: float) -> int | None:
        """The bar at a height, in pixels."""
        number = int(y // _BAR_PX)
        return number if 0 <= number < len(self._bars) else None

    def sizeHint(self) -> QSize:
        """As high as its bars."""
        return QSize(200, max(1, len(self._bars)) * _BAR_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Every bar that lies in the part to be painted."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        first = max(0, int(event.rect().top() // _BAR_PX))
        last = min(len(self._bars), int(event.rect().bottom() // _BAR_PX) + 1)
        most = max((max(bar.count, bar.total if self._is_filtered else 0) for bar in self._bars), default=1) or 1
        for number in range(first, last):
            self._paint(painter, number, most)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the bar under the pointer."""
        number = self.bar_at(event.position().y())
        if number is not None and event.button() == Qt.MouseButton.LeftButton:
            self._choose(number)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """A hand where a click filters."""
        number = self.bar_at(event.position().y())
        clicks = number is not None and bool(self._bars[number].query)
        self.setCursor(Qt.CursorShape.PointingHandCursor if clicks else Qt.CursorShape.ArrowCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up, down, and choosing."""
        match event.key():
            case Qt.Key.Key_Down | Qt.Key.Key_Up:
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                self._current = min(max(0, self._current + step), max(0, len(self._bars) - 1))
                self.update()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_Space:
                self._choose(self._current)
            case _:
                super().keyPressEvent(event)

    def _choose(self, number: int) -> None:
        self._current = number
        if number < len(self._bars) and self._bars[number].query:
            self.chosen.emit(self._bars[number].query)
        self.update()

    def _paint(self, painter: QPainter, number: int, most: int) -> None:
        bar, color = self._bars[number], self._theme.color
        top, width = number * _BAR_PX, self.width()
        label_px = max(70.0, min(170.0, _LABEL_SHARE * width))
        figure_px = min(_FIGURE_PX + (34 if self._is_filtered else 0), 0.34 * width)
        if self.hasFocus() and number == self._current:
            painter.fillRect(QRectF(0, top, width, _BAR_PX), color("surface_hover"))
        self._text(painter, QRectF(0, top, label_px - 6, _BAR_PX), bar.label, "text", Qt.AlignmentFlag.AlignLeft)
        groove = QRectF(label_px, top + _BAR_PX / 2 - 4, max(8.0, width - label_px - figure_px - 6), 8)
        self._bar(painter, groove, 1.0, "surface_hover")
        if self._is_filtered:
            self._bar(painter, groove, bar.total / most, "surface_pressed")
        self._bar(painter, groove, bar.count / most, bar.tone)
        figure = f"{bar.count:,} of {bar.total:,}" if self._is_filtered else f"{bar.count:,}"
        place = QRectF(width - figure_px, top, figure_px, _BAR_PX)
        self._text(painter, place, figure, "text_muted", Qt.AlignmentFlag.AlignRight)

    def _bar(self, painter: QPainter, groove: QRectF, share: float, role: str) -> None:
        if share <= 0:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color(role))
        width = max(3.0, groove.width() * min(1.0, share))
        painter.drawRoundedRect(QRectF(groove.left(), groove.top(), width, groove.height()), 3, 3)

    def _text(self, painter: QPainter, place: QRectF, text: str, role: str, side: Qt.AlignmentFlag) -> None:
        font = QFont(self.font())
        font.setPixelSize(scale().type["caption"] + 1)
        painter.setFont(font)
        painter.setPen(self._theme.color(role))
        shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, shown)

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.update()
