"""Labels and buttons in the app's text roles. Text from outside is never taken for rich text."""

from __future__ import annotations

import html
import re
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

TextRole = Literal[
    "body", "title", "heading", "lead", "muted", "caption", "overline", "figure", "code", "danger", "warning", "success"
]
Look = Literal["", "primary", "danger", "quiet", "inline"]
LONGEST_SHOWN_CHARACTERS = 20_000
_ZERO_WIDTH_SPACE = "\u200b"
_LONG_RUN = re.compile(r"\S{9,}")
_PIECE = re.compile(r"[^_]{1,8}_?|_")


def label(text: str = "", role: TextRole = "body", *, wraps: bool = False, selectable: bool = False) -> QLabel:
    """A plain-text label. Wrapped labels may shrink to any width."""
    made = QLabel(elided(text))
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    made.setWordWrap(wraps)
    if wraps:
        made.setMinimumWidth(1)
        # The height follows the width alone: a least height is what a width of one pixel would need, thousands.
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        policy.setHeightForWidth(True)
        made.setSizePolicy(policy)
    if selectable:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return made


def button(text: str, look: Look = "", *, tooltip: str = "") -> QPushButton:
    """A push button: plain, primary (one per page), danger or quiet."""
    made = QPushButton(text)
    made.setProperty("look", look)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.setAutoDefault(False)
    plain_tooltip(made, tooltip)
    return made


def plain_tooltip(widget: QWidget, text: str) -> None:
    """Set a tooltip that shows its text as it is."""
    widget.setToolTip(as_tooltip(text))


def as_tooltip(text: str) -> str:
    """The text so that a tooltip shows it as it is: Qt has no plain-text tooltips, so it is escaped."""
    return f"<qt>{html.escape(elided(text, 2_000))}</qt>" if text else ""


def allow(target: QPushButton, is_allowed: bool, reason: str = "", *, tooltip: str = "") -> None:
    """Enable a button, or disable it with the reason as its tooltip."""
    target.setEnabled(is_allowed)
    plain_tooltip(target, tooltip if is_allowed else reason)


def set_property(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet looks at, and let it look again."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def breakable(text: str) -> str:
    """The text with invisible break points in runs that a line could not hold; for showing, not for copying."""
    return _LONG_RUN.sub(lambda run: _ZERO_WIDTH_SPACE.join(_PIECE.findall(run[0])), elided(text))


def elided(text: str, limit: int = LONGEST_SHOWN_CHARACTERS) -> str:
    """The text, cut where laying it out would stop the window (one million unbroken characters take minutes)."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"
