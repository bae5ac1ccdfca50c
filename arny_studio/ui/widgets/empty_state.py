"""What a page says while it has nothing to show, and what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, row
from arny_studio.ui.widgets.text import label

_ICON_PX = 40


class EmptyState(QWidget):
    """Icon, a heading, one sentence and buttons, in the middle of the page."""

    def __init__(self, theme: ThemeSwitcher, icon: str, heading: str, sentence: str, *buttons: QPushButton) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme, self._icon = theme, icon
        self._picture = QLabel()
        self.heading = label(heading, "heading")
        self.sentence = label(sentence, "muted", wraps=True)
        self.sentence.setMinimumWidth(420)
        for part in (self._picture, self.heading, self.sentence):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
        choices = row(1, *buttons, 1)
        words = row(1, self.sentence, 1)
        self.setLayout(column(1, self._picture, self.heading, words, choices, 2, margin="xl"))
        theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    def _on_theme_changed(self, _theme: object = None) -> None:
        self._picture.setPixmap(self._theme.icon(self._icon, "accent").pixmap(_ICON_PX, _ICON_PX))
