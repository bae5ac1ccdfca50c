"""Layouts on the theme's spacing scale."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from arny_studio.ui.theme import scale


def space(step: str) -> int:
    """A step of the spacing scale (`xs s m l xl xxl`) in pixels."""
    return scale().space[step]


def column(*items: QWidget | QLayout | int, gap: str = "m", margin: str = "") -> QVBoxLayout:
    """Widgets and layouts one under the other; a number is a stretch factor."""
    made = QVBoxLayout()
    _fill(made, items, gap, margin)
    return made


def row(*items: QWidget | QLayout | int, gap: str = "s", margin: str = "") -> QHBoxLayout:
    """Widgets and layouts side by side; a number is a stretch factor."""
    made = QHBoxLayout()
    _fill(made, items, gap, margin)
    return made


def holder(layout: QLayout) -> QWidget:
    """A see-through widget around a layout, for splitters and stacks."""
    made = QWidget()
    made.setProperty("surface", "clear")
    made.setLayout(layout)
    return made


def scrolled(content: QWidget) -> QScrollArea:
    """A frameless scroll area that scrolls down only."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and let it go."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


def _fill(made: QBoxLayout, items: tuple[QWidget | QLayout | int, ...], gap: str, margin: str) -> None:
    edge = space(margin) if margin else 0
    made.setContentsMargins(edge, edge, edge, edge)
    made.setSpacing(space(gap))
    for item in items:
        if isinstance(item, int):
            made.addStretch(item)
        elif isinstance(item, QWidget):
            made.addWidget(item)
        else:
            made.addLayout(item)
