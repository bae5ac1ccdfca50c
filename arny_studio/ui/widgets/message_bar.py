"""Messages that stand above the page until they are read: errors are not dialogs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from arny_studio.errors import ArnyError
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, space
from arny_studio.ui.widgets.text import button, label

Level = Literal["info", "success", "warning", "error"]
_MOST_MESSAGES = 3
_INFO_STAYS_MS = 8_000
_INSTALL = "Install the extra: "


class Message(QFrame):
    """One message: icon, sentence, hint, buttons, and a cross."""

    closed = Signal()

    def __init__(self, theme: ThemeSwitcher, level: Level, sentence: str, hint: str) -> None:
        super().__init__()
        self.setProperty("surface", "message")
        self.setProperty("level", level)
        self.sentence, self.hint, self.level = sentence, hint, level
        mark = QToolButton()
        mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.dress(mark, level, "accent_text" if level == "info" else _role_of(level))
        close = QToolButton()
        close.setToolTip("Dismiss")
        close.setAccessibleName("Dismiss")
        theme.dress(close, "close", "text_muted")
        close.clicked.connect(self.closed)
        words = column(label(sentence, "body", wraps=True, selectable=True), gap="xs")
        if hint:
            words.addWidget(label(hint, "muted", wraps=True, selectable=True))
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(space("s"), space("s"), space("s"), space("s"))
        self._layout.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        self._layout.addLayout(words, 1)
        self._layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

    def add_button(self, text: str, on_click: Callable[[], object]) -> None:
        """Offer something to do about it, before the cross."""
        made = button(text)
        made.clicked.connect(lambda: on_click())
        self._layout.insertWidget(self._layout.count() - 1, made, 0, Qt.AlignmentFlag.AlignTop)


class MessageBar(QWidget):
    """The newest few messages. Information goes by itself, the rest stays until it is dismissed."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self.messages: list[Message] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(space("xl"), space("m"), space("xl"), 0)
        self._layout.setSpacing(space("s"))
        self.hide()

    def show_error(self, error: Exception) -> Message:
        """Show an error's sentence and hint. What is not an ArnyError is a bug and says so."""
        if isinstance(error, ArnyError):
            return self.show_message("error", error.sentence, error.hint)
        return self.show_message("error", f"Something went wrong in the app: {error}", "This is a bug in Arny Studio.")

    def show_message(
        self, level: Level, sentence: str, hint: str = "", *, buttons: Mapping[str, Callable[[], object]] | None = None
    ) -> Message:
        """Show a sentence. A hint that names an install command gets a copy button."""
        for known in self.messages:
            if (known.level, known.sentence, known.hint) == (level, sentence, hint):
                return known
        message = Message(self._theme, level, sentence, hint)
        message.closed.connect(partial(self.dismiss, message))
        for text, on_click in (buttons or {}).items():
            message.add_button(text, on_click)
        if hint.startswith(_INSTALL):
            message.add_button("Copy command", lambda: QGuiApplication.clipboard().setText(hint.removeprefix(_INSTALL)))
        self._put(message)
        if level in ("info", "success"):
            QTimer.singleShot(_INFO_STAYS_MS, message, message.closed.emit)
        return message

    def _put(self, message: Message) -> None:
        self.messages.append(message)
        self._layout.insertWidget(0, message)
        while len(self.messages) > _MOST_MESSAGES:
            self.dismiss(self.messages[0])
        self.show()

    def dismiss(self, message: Message) -> None:
        """Take a message away; nothing happens where it went before."""
        if message not in self.messages:
            return
        self.messages.remove(message)
        message.hide()
        message.deleteLater()
        self.setVisible(bool(self.messages))


def _role_of(level: Level) -> str:
    return {"success": "success", "warning": "warning", "error": "danger"}[level]
