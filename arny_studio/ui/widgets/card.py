"""Rounded surfaces that hold one thing each, and the head of a page."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QSizePolicy, QVBoxLayout, QWidget

from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import label


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
        self.about = label(about, "muted")
        self.about.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.title = label(title, "title")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        words = column(self.title, self.about, gap="xs")
        self._layout = row(gap="s")
        self._layout.addLayout(words, 1)
        for button in buttons:
            self._layout.addWidget(button)
        self.setLayout(self._layout)


def rule() -> QFrame:
    """A hairline between two parts of a card."""
    made = QFrame()
    made.setProperty("surface", "line")
    made.setFixedHeight(1)
    return made
