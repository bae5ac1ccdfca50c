"""The way a request took, as a small diagram: Query → Tier-1 → Answer, Clarify, Execute or Tier-2."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from arny_studio.ui.theme import ThemeSwitcher, scale

ENDS = ("Answer", "Clarify", "Execute", "Tier-2")
_END_OF_ACTION = {
    "answer": "Answer", "clarify": "Clarify", "execute": "Execute", "reason": "Tier-2", "needs_reasoner": "Tier-2",
    "router_error": "Clarify",
}  # fmt: skip
_ROLE_OF_ACTION = {"needs_reasoner": "warning", "router_error": "danger"}
_NODE_PX = 26


class PathView(QWidget):
    """Paints the diagram; what was not taken stays faint."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self._theme = theme
        self.action = ""
        self.has_tier2 = False
        self._is_busy = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """Four ends, one under the other."""
        return QSize(260, 4 * _NODE_PX + 3 * 6 + 4)

    def show_action(self, action: str, *, uses_tier2: bool = False, is_busy: bool = False) -> None:
        """Show the way of an action; empty before there is one. `uses_tier2`: Tier-2 worded the result."""
        self.action, self.has_tier2, self._is_busy = action, uses_tier2, is_busy
        self.setAccessibleName(f"Path: Query, Tier-1, {', '.join(self.taken_ends) or 'not decided'}")
        self.update()

    @property
    def taken_ends(self) -> tuple[str, ...]:
        """The ends that the request reached."""
        end = _END_OF_ACTION.get(self.action, "")
        ends = [end] if end else []
        return tuple([*ends, "Tier-2"] if self.has_tier2 and end != "Tier-2" else ends)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Nodes and the lines between them."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, middle = self.width(), self.height() / 2
        query = QRectF(1, middle - _NODE_PX / 2, 62, _NODE_PX)
        router = QRectF(width * 0.36, middle - _NODE_PX / 2, 66, _NODE_PX)
        has_begun = bool(self.action) or self._is_busy
        self._line(painter, query, router, is_taken=has_begun, role="accent")
        for number, end in enumerate(ENDS):
            box = QRectF(width - 82, 2 + number * (_NODE_PX + 6), 80, _NODE_PX)
            is_taken = end in self.taken_ends
            self._line(painter, router, box, is_taken=is_taken, role=_ROLE_OF_ACTION.get(self.action, "accent"))
            self._node(painter, box, end, is_taken=is_taken)
        self._node(painter, query, "Query", is_taken=has_begun)
        self._node(painter, router, "Tier-1", is_taken=has_begun)
        painter.end()

    def _line(self, painter: QPainter, start: QRectF, end: QRectF, *, is_taken: bool, role: str) -> None:
        begin, stop = QPointF(start.right(), start.center().y()), QPointF(end.left(), end.center().y())
        bend = (stop.x() - begin.x()) / 2
        path = QPainterPath(begin)
        path.cubicTo(begin + QPointF(bend, 0), stop - QPointF(bend, 0), stop)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.color(role if is_taken else "border"), 2.2 if is_taken else 1.2))
        painter.drawPath(path)

    def _node(self, painter: QPainter, box: QRectF, text: str, *, is_taken: bool) -> None:
        role = _ROLE_OF_ACTION.get(self.action, "accent") if text in ENDS else "accent"
        painter.setPen(QPen(self._theme.color(role if is_taken else "border_strong"), 1.4))
        painter.setBrush(self._theme.color(f"{role}_soft" if is_taken else "surface"))
        painter.drawRoundedRect(box, 8, 8)
        font = QFont(self.font())
        font.setPixelSize(scale().type["caption"] + 1)
        font.setWeight(QFont.Weight.DemiBold if is_taken else QFont.Weight.Normal)
        painter.setFont(font)
        ink = ("accent_text" if role == "accent" else role) if is_taken else "text_muted"
        painter.setPen(self._theme.color(ink))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.update()
