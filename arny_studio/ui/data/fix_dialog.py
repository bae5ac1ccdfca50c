"""One row's repair before it is made: what is wrong, what changes, and a button."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QWidget

from arny_studio.ui.data.diff_view import DiffView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, row
from arny_studio.ui.widgets.text import button, label


class FixDialog(QDialog):
    """Accepted means: make it so."""

    def __init__(
        self, theme: ThemeSwitcher, title: str, why: str, change: tuple[bytes, bytes], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(640, 380)
        self.diff = DiffView(theme)
        before, after = (text.decode("utf-8", "replace") for text in change)
        self.diff.show_change(before, after)
        self.fix_button = button("Apply", "primary")
        cancel = button("Cancel")
        layout = column(label(title, "heading"), label(why, "muted", wraps=True), gap="m", margin="xl")
        layout.addWidget(self.diff, 1)
        layout.addLayout(row(1, cancel, self.fix_button))
        self.setLayout(layout)
        self.fix_button.setDefault(True)
        self.fix_button.clicked.connect(self.accept)
        cancel.clicked.connect(self.reject)
        self.fix_button.setFocus()
