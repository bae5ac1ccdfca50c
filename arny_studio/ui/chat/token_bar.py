"""Where the tokens of a decision came from: forced by the schema, guessed and confirmed, or chosen by the model."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from arny_studio.ui.theme import ThemeSwitcher

PARTS = (("forced", "border_strong"), ("drafted", "series_2"), ("chosen", "accent"))


class TokenBar(QWidget):
    """One bar; its length stands for `most` tokens."""

    def __init__(self, theme: ThemeSwitcher, counts: dict[str, int], most: int) -> None:
        super().__init__()
        self._theme, self._counts, self._most = theme, counts, max(1, most)
        self.setAccessibleName(", ".join(f"{counts.get(name, 0)} {name}" for name, _role in PARTS))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self._on_theme_changed)

    def sizeHint(self) -> QSize:
        """As low as a line of small print."""
        return QSize(60, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The parts side by side."""
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        left, middle = 0.0, self.height() / 2
        for name, role in PARTS:
            width = self.width() * self._counts.get(name, 0) / self._most
            painter.setBrush(self._theme.color(role))
            painter.drawRect(QRectF(left, middle - 3, max(0.0, width - 1), 6))
            left += width
        painter.end()

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        self.update()
