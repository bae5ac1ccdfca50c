"""A figure with a name, and what it was before where there is something to compare with."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QVBoxLayout

from arny_studio.ui.widgets.layout import row, space
from arny_studio.ui.widgets.text import TextRole, label, set_property


class StatTile(QFrame):
    """Name above, figure below, a note at its right or under it."""

    def __init__(self, name: str, figure: str = "–", note: str = "") -> None:
        super().__init__()
        self.setProperty("surface", "card")
        self._name = label(name, "overline")
        self._figure = label(figure, "figure")
        self._note = label(note, "caption")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space("m"), space("m"), space("m"), space("m"))
        layout.setSpacing(space("xs"))
        layout.addWidget(self._name)
        layout.addLayout(row(self._figure, 1))
        layout.addWidget(self._note)

    def show_figure(self, figure: str, note: str = "", note_role: TextRole = "caption") -> None:
        """Change the figure and its note."""
        self._figure.setText(figure)
        self._note.setText(note)
        set_property(self._note, "role", note_role)

    @property
    def figure(self) -> str:
        """The figure as it stands."""
        return self._figure.text()
