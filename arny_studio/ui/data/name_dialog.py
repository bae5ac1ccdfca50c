"""Asks for one line: a name, or one of a few choices."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QLineEdit, QWidget

from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, row
from arny_studio.ui.widgets.text import allow, button, label


class NameDialog(QDialog):
    """A heading, a sentence, an input, and a button that says what happens."""

    given = Signal(str)

    def __init__(
        self, heading: str, about: str, action: str, parent: QWidget, *, choices: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(heading)
        self.setMinimumWidth(420)
        self.line = QLineEdit()
        self.line.setAccessibleName(heading)
        self.choice = Choice(heading)
        for title, value in choices:
            self.choice.addItem(title, value)
        self._has_choices = bool(choices)
        field = self.choice if choices else self.line
        self.action_button = button(action, "primary")
        self.action_button.setDefault(True)
        cancel = button("Cancel")
        head = (label(heading, "heading"), label(about, "muted", wraps=True))
        self.setLayout(column(*head, field, row(1, cancel, self.action_button), gap="m", margin="xl"))
        cancel.clicked.connect(self.reject)
        self.action_button.clicked.connect(self._on_given)
        self.line.textChanged.connect(self._show_action)
        self._show_action()
        field.setFocus()

    @property
    def value(self) -> str:
        """What was typed or chosen."""
        return str(self.choice.currentData()) if self._has_choices else self.line.text().strip()

    @Slot()
    def _show_action(self, *_: object) -> None:
        allow(self.action_button, bool(self.value), "Type a name first.")

    @Slot()
    def _on_given(self) -> None:
        self.given.emit(self.value)
        self.accept()
