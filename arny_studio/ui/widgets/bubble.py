"""One turn of a conversation, in plain text."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from arny_studio.ui.widgets.chip import Chip, Tone
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.text import elided, label

_TONES: dict[str, Tone] = {"user": "accent", "assistant": "success", "system": "system"}
_NAMES = {"user": "User", "assistant": "Assistant", "system": "System"}


class Bubble(QWidget):
    """A bubble with its role as a chip; the user's stand at the right. More widgets may go into `body`; `is_wide` uses the room."""

    def __init__(self, role: str, text: str, *, name: str = "", is_code: bool = False, is_wide: bool = False) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.frame = QFrame()
        self.frame.setProperty("surface", "bubble")
        self.frame.setProperty("role", role)
        self._text = label(text, "code" if is_code else "body", wraps=True, selectable=True)
        self.head = QHBoxLayout()
        self.chip = Chip(name or _NAMES.get(role, role), _TONES.get(role, "neutral"))
        self.chip.setProperty("ground", "surface" if role in ("user", "system") else "")
        self.head.addWidget(self.chip)
        self.head.addStretch(1)
        self.body = QVBoxLayout(self.frame)
        self.body.setContentsMargins(space("m"), space("s"), space("m"), space("m"))
        self.body.setSpacing(space("s"))
        self.body.addLayout(self.head)
        self.body.addWidget(self._text)
        self._text.setVisible(bool(text))
        self._place(is_mine=role == "user", is_wide=is_wide)

    @property
    def text(self) -> str:
        """What the bubble says."""
        return self._text.text()

    def set_text(self, text: str) -> None:
        """Say something else, such as the same reply with more of it."""
        self._text.setText(elided(text))
        self._text.setVisible(bool(text))

    def _place(self, *, is_mine: bool, is_wide: bool) -> None:
        inset = 0 if is_wide else space("xxl")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(inset if is_mine else 0, 0, 0 if is_mine else inset, 0)
        layout.addWidget(self.frame, 1)
