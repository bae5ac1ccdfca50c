"""What to make of the reviews of many rows: a decision, tags to put on and take off, a note."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from arny_studio.dataset.judging import Judging
from arny_studio.dataset.review import Status
from arny_studio.ui.data.review_panel import tags_of
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import space

_DECISIONS = (
    ("", "Leave as it is"), ("accepted", "Accept"), ("rejected", "Reject"), ("flagged", "Flag"), ("none", "Clear"),
)  # fmt: skip


class JudgingForm(QWidget):
    """Everything left empty stays as it is."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.status = Choice("Decision")
        for value, words in _DECISIONS:
            self.status.addItem(words, value)
        self.tags, self.untagged, self.note = QLineEdit(), QLineEdit(), QLineEdit()
        for line in (self.tags, self.untagged):
            line.setPlaceholderText("separated by commas")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(space("m"))
        form.setVerticalSpacing(space("s"))
        parts = (
            ("Add tags", self.tags),
            ("Take off tags", self.untagged),
            ("Decision", self.status),
            ("Note", self.note),
        )
        for words, made in parts:
            made.setAccessibleName(words)
            form.addRow(words, made)
        self.status.currentIndexChanged.connect(self.changed)
        for line in (self.tags, self.untagged, self.note):
            line.textChanged.connect(self.changed)

    @property
    def judging(self) -> Judging:
        """What is asked for."""
        status: Status = self.status.currentData()
        return Judging(
            status=status, tags=_listed(self.tags), untagged=_listed(self.untagged), note=self.note.text().strip()
        )


def _listed(line: QLineEdit) -> tuple[str, ...]:
    return tags_of(line.text().split(","))
