"""A sentence with its hint inside a page, for what stays true until something is done about it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QToolButton

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.message_bar import Level
from arny_studio.ui.widgets.text import button, elided, label, set_property

_INSTALL = "Install the extra: "
_INKS: dict[Level, str] = {"info": "accent_text", "success": "success", "warning": "warning", "error": "danger"}


class Notice(QFrame):
    """Hidden until it has something to say. A hint that names an install command gets a copy button."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "message")
        self._theme = theme
        self._mark = QToolButton()
        self._mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.sentence = label(wraps=True, selectable=True)
        self.hint = label(role="muted", wraps=True, selectable=True)
        self.copy_button = button("Copy command")
        self.action_button = button("")
        self._on_action: Callable[[], object] | None = None
        layout = row(self._mark, gap="s")
        layout.setContentsMargins(space("s"), space("s"), space("s"), space("s"))
        layout.addLayout(column(self.sentence, self.hint, gap="xs"), 1)
        layout.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.action_button, 0, Qt.AlignmentFlag.AlignTop)
        layout.setAlignment(self._mark, Qt.AlignmentFlag.AlignTop)
        self.setLayout(layout)
        self.copy_button.clicked.connect(self._on_copy_clicked)
        self.action_button.clicked.connect(self._on_action_clicked)
        self.hide()

    def say(
        self, level: Level, sentence: str, hint: str = "", *, action: str = "",
        on_action: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        """Show a sentence, and a button where something can be done."""
        set_property(self, "level", level)
        self._theme.dress(self._mark, level, _INKS[level])
        self.sentence.setText(elided(sentence, 2_000))
        self.hint.setText(elided(hint, 2_000))
        self.hint.setVisible(bool(hint))
        self.copy_button.setVisible(hint.startswith(_INSTALL))
        self.action_button.setText(action)
        self.action_button.setVisible(bool(action))
        self._on_action = on_action
        self.show()

    def be_quiet(self) -> None:
        """Nothing to say any more."""
        self.sentence.setText("")
        self.hide()

    @Slot()
    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.hint.text().removeprefix(_INSTALL))

    @Slot()
    def _on_action_clicked(self) -> None:
        if self._on_action is not None:
            self._on_action()
