"""Rounded surfaces that hold one thing each, and the head of a page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QSizePolicy, QStylePainter, QVBoxLayout, QWidget

from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import TextRole, elided, label


class Card(QFrame):
    """A titled surface. Put things into `body`; small buttons go into `head` at the right of the title."""

    def __init__(self, title: str = "", *, flush: bool = False) -> None:
        """`flush` leaves no margin around the body, for tables that reach the edges."""
        super().__init__()
        self.setProperty("surface", "card")
        self.title = label(title, "lead")
        if not title:
            self.title.setParent(self)
            self.title.hide()
        self.head = QHBoxLayout()
        self.head.setSpacing(space("s"))
        if title:
            self.head.addWidget(self.title)
        self.head.addStretch(1)
        self.body = QVBoxLayout()
        self.body.setSpacing(space("m"))
        self._place(bool(title), flush)

    def add(self, item: QWidget | QLayout, stretch: int = 0) -> None:
        """Append to the body."""
        if isinstance(item, QWidget):
            self.body.addWidget(item, stretch)
        else:
            self.body.addLayout(item, stretch)

    def _place(self, has_title: bool, flush: bool) -> None:
        outer = QVBoxLayout(self)
        side = 0 if flush else space("l")
        outer.setContentsMargins(1, 0, 1, 1)
        outer.setSpacing(0)
        if has_title:
            self.head.setContentsMargins(space("l"), space("m"), space("m"), space("s") if flush else 0)
            outer.addLayout(self.head)
        self.body.setContentsMargins(side, side if not has_title else space("s") if not flush else 0, side, side)
        outer.addLayout(self.body, 1)


class PageHead(QWidget):
    """Title, one line about the page, and its main buttons at the right."""

    def __init__(self, title: str, about: str, *buttons: QWidget) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.about = _OneLine(about, "muted")
        self.title = _OneLine(title, "title")
        words = column(self.title, self.about, gap="xs")
        self._layout = row(gap="s")
        self._layout.addLayout(words, 1)
        for button in buttons:
            self._layout.addWidget(button)
        self.setLayout(self._layout)


class _OneLine(QLabel):
    """Plain text that gives its room to the buttons beside it and ends in an ellipsis where that is too little."""

    def __init__(self, text: str, role: TextRole) -> None:
        super().__init__(elided(text))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw as much as fits."""
        place = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, place.width())
        painter = QStylePainter(self)
        painter.drawItemText(
            place, self.alignment(), self.palette(), self.isEnabled(), shown, QPalette.ColorRole.WindowText
        )


def rule() -> QFrame:
    """A hairline between two parts of a card."""
    made = QFrame()
    made.setProperty("surface", "line")
    made.setFixedHeight(1)
    return made
