"""Paints the phone's memory over time: held bytes as an area, the cap as a line, marks with their words on hover."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from arny_studio.ui.chat.timeline import Mark, MarkKind, Timeline
from arny_studio.ui.theme import ThemeSwitcher, scale
from arny_studio.ui.widgets.text import plain_tooltip
from arny_studio.ui.wording import bytes_in_words, seconds_in_words

ROLES: dict[MarkKind, str] = {
    "load": "accent", "unload": "text_muted", "answer": "success", "refusal": "warning", "kill": "danger",
    "pressure": "system",
}  # fmt: skip
_TOP_PX, _BOTTOM_PX, _LANE_PX = 16, 30, 10
_NEAR_PX = 7
_SCALE_OVER = 3  # a cap further away than this many times what is held is beyond the scale


class TimelineView(QWidget):
    """Shows a timeline. Marks stand in a lane below the curve; hovering one says what it was."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self._theme = theme
        self._timeline = Timeline()
        self.setMouseTracking(True)
        self.setAccessibleName("Memory over time")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """Wide as the panel, high enough to see a load."""
        return QSize(240, 128)

    def show_timeline(self, timeline: Timeline) -> None:
        """Show what is known by now."""
        if timeline is not self._timeline:
            self._timeline = timeline
            self.update()

    def mark_at(self, position: QPointF) -> Mark | None:
        """The mark under a position, the nearest where several are near."""
        near = [(abs(self._x(mark.time_s) - position.x()), number) for number, mark in enumerate(self._timeline.marks)]
        distance, number = min(near, default=(_NEAR_PX + 1.0, -1))
        return self._timeline.marks[number] if distance <= _NEAR_PX else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the tooltip tell what the mark under the mouse stands for."""
        mark = self.mark_at(event.position())
        plain_tooltip(self, mark.text if mark is not None else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, curve, cap, marks, and the two scales in words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(scale().type["caption"])
        painter.setFont(font)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("surface_sunken"))
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        if self._timeline.points or self._timeline.marks:
            self._curve(painter)
            self._caps(painter)
            self._marks(painter)
            self._words(painter)
        else:
            painter.setPen(self._theme.color("text_muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Memory over time")
        painter.end()

    @property
    def _plot(self) -> QRectF:
        return QRectF(8, _TOP_PX, max(1, self.width() - 16), max(1, self.height() - _TOP_PX - _BOTTOM_PX))

    @property
    def _most(self) -> int:
        """The top of the scale: a little above the cap where it is near, else above what was held."""
        highest = max((held for _time, held in self._timeline.points), default=0) or 1
        near = [cap for _time, cap in self._timeline.caps if cap <= _SCALE_OVER * highest]
        return int(1.12 * max(highest, *near)) if near else int(1.3 * highest)

    def _x(self, time_s: float) -> float:
        first, last = self._timeline.span_s
        return self._plot.left() + self._plot.width() * (time_s - first) / (last - first)

    def _y(self, size: int) -> float:
        return self._plot.bottom() - self._plot.height() * min(1.0, size / self._most)

    def _curve(self, painter: QPainter) -> None:
        points = self._thinned()
        if not points:
            return
        corners = [QPointF(x, y) for x, y in points]
        line = QPolygonF(corners)
        bottom = self._plot.bottom()
        area = QPainterPath()
        area.addPolygon(QPolygonF([QPointF(corners[0].x(), bottom), *corners, QPointF(corners[-1].x(), bottom)]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("accent_soft"))
        painter.drawPath(area)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.color("accent"), 1.6))
        painter.drawPolyline(line)

    def _thinned(self) -> list[tuple[float, float]]:
        """At most one point a pixel, the highest of each, held until the next: memory does not glide."""
        highest: dict[int, int] = {}
        for time_s, used in self._timeline.points:
            column = round(self._x(time_s))
            highest[column] = max(used, highest.get(column, 0))
        stepped: list[tuple[float, float]] = []
        for column, used in highest.items():
            if stepped:
                stepped.append((float(column), stepped[-1][1]))
            stepped.append((float(column), self._y(used)))
        if stepped:
            stepped.append((self._plot.right(), stepped[-1][1]))
        return stepped

    def _caps(self, painter: QPainter) -> None:
        painter.setPen(QPen(self._theme.color("danger"), 1.4, Qt.PenStyle.DashLine))
        caps = self._timeline.caps
        for number, (time_s, cap) in enumerate(caps):
            left = self._x(time_s) if number else self._plot.left()
            right = self._x(caps[number + 1][0]) if number + 1 < len(caps) else self._plot.right()
            y = self._y(cap)  # one beyond the scale runs along its top
            painter.drawLine(QPointF(left, y), QPointF(right, y))

    def _marks(self, painter: QPainter) -> None:
        lane = self._plot.bottom() + _LANE_PX
        for mark in self._timeline.marks:
            color, x = self._theme.color(ROLES[mark.kind]), self._x(mark.time_s)
            if mark.kind in ("kill", "refusal", "pressure"):
                painter.setPen(QPen(color, 1.2, Qt.PenStyle.DotLine))
                painter.drawLine(QPointF(x, self._plot.top()), QPointF(x, lane))
            painter.setPen(QPen(color, 1.6))
            painter.setBrush(color if mark.kind in ("load", "answer", "kill") else self._theme.color("surface"))
            self._glyph(painter, mark.kind, QPointF(x, lane))

    def _glyph(self, painter: QPainter, kind: MarkKind, at: QPointF) -> None:
        """Shapes as well as colours: triangles for memory, a dot for an answer, a cross for an end."""
        match kind:
            case "load":
                painter.drawPolygon(QPolygonF([at + QPointF(-4, 3), at + QPointF(4, 3), at + QPointF(0, -4)]))
            case "unload":
                painter.drawPolygon(QPolygonF([at + QPointF(-4, -3), at + QPointF(4, -3), at + QPointF(0, 4)]))
            case "kill" | "refusal":
                painter.drawLine(at + QPointF(-4, -4), at + QPointF(4, 4))
                painter.drawLine(at + QPointF(-4, 4), at + QPointF(4, -4))
            case _:
                painter.drawEllipse(at, 3.2, 3.2)

    def _words(self, painter: QPainter) -> None:
        first, last = self._timeline.span_s
        cap = self._timeline.caps[-1][1] if self._timeline.caps else 0
        painter.setPen(self._theme.color("text_muted"))
        top = QRectF(8, 1, self.width() - 16, _TOP_PX)
        peak = max((used for _time, used in self._timeline.points), default=0)
        said = f"peak {bytes_in_words(peak)} in {seconds_in_words(last - first)}"
        painter.drawText(top, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, said)
        if cap:
            painter.setPen(self._theme.color("danger"))
            said = f"cap {bytes_in_words(cap)}{' ↑' if cap > self._most else ''}"  # the arrow: beyond this scale
            painter.drawText(top, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, said)
        painter.setPen(self._theme.color("text_muted"))
        bottom = QRectF(8, self.height() - 16, self.width() - 16, 14)
        painter.drawText(bottom, Qt.AlignmentFlag.AlignLeft, "▲ load  ▽ unload  ● answer  × refused, killed")

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.update()
