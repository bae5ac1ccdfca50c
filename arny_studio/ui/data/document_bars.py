"""What has to be said about the document in front, above its rows: bars with buttons, never dialogs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.message_bar import Level
from arny_studio.ui.widgets.text import button, label

_INKS: dict[Level, str] = {"info": "accent_text", "success": "success", "warning": "warning", "error": "danger"}


class DocumentBar(QFrame):
    """A sentence, a hint, and what can be done."""

    def __init__(
        self, theme: ThemeSwitcher, level: Level, sentence: str, hint: str, buttons: Mapping[str, Callable[[], object]],
        on_close: Callable[[], None] | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.setProperty("surface", "message")
        self.setProperty("level", level)
        self.sentence = sentence
        mark = QToolButton()
        mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.dress(mark, level, _INKS[level])
        words = column(label(sentence, wraps=True, selectable=True), gap="xs")
        if hint:
            words.addWidget(label(hint, "muted", wraps=True, selectable=True))
        line = QHBoxLayout(self)
        line.setContentsMargins(space("s"), space("xs"), space("s"), space("xs"))
        line.setSpacing(space("s"))
        line.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        self.buttons = {text: self._button(text, act) for text, act in buttons.items()}
        line.addWidget(holder(row(*self.buttons.values(), gap="xs")))
        if on_close is not None:
            close = QToolButton()
            close.setAccessibleName("Dismiss")
            close.setToolTip("Dismiss")
            theme.dress(close, "close", "text_muted")
            close.clicked.connect(lambda: on_close())
            line.addWidget(close)

    def _button(self, text: str, act: Callable[[], object]) -> QWidget:
        made = button(text)
        made.clicked.connect(lambda: act())
        return made


class DocumentBars(QWidget):
    """The bars of one document, by topic; a topic has one bar at a time."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self.bars: dict[str, DocumentBar] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(space("s"))
        self.hide()

    def say(
        self, topic: str, level: Level, sentence: str, hint: str = "", *,
        buttons: Mapping[str, Callable[[], object]] | None = None, can_close: bool = True,
    ) -> None:  # fmt: skip
        """Show a bar, in place of the topic's last one."""
        self.be_quiet(topic)
        close = (lambda: self.be_quiet(topic)) if can_close else None
        bar = DocumentBar(self._theme, level, sentence, hint, buttons or {}, close)
        self.bars[topic] = bar
        self._layout.addWidget(bar)
        self.show()

    def be_quiet(self, topic: str) -> None:
        """Take the topic's bar away."""
        bar = self.bars.pop(topic, None)
        if bar is not None:
            bar.hide()
            bar.deleteLater()
        self.setVisible(bool(self.bars))

    def clear(self) -> None:
        """Take every bar away."""
        for topic in list(self.bars):
            self.be_quiet(topic)
