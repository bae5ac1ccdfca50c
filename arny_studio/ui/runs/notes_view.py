"""Tags and a note about a run, written down while they are typed."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from arny_studio.jobs.annotations import Annotations
from arny_studio.ui.widgets.layout import column
from arny_studio.ui.widgets.text import label

_QUIET_MS = 500


class NotesView(QWidget):
    """Says what was written once the typing rests, and at once when `flush` asks for it."""

    changed = Signal(object)  # Annotations

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.tags = QLineEdit()
        self.tags.setPlaceholderText("Tags, with commas between them")
        self.tags.setAccessibleName("Tags of this run")
        self.note = QPlainTextEdit()
        self.note.setPlaceholderText("What this run was for, and what came of it")
        self.note.setAccessibleName("Note about this run")
        self.note.setProperty("look", "sunken")
        self._rest = QTimer(self, singleShot=True, interval=_QUIET_MS)
        self._rest.timeout.connect(self._on_rest)
        layout = column(label("Tags", "overline"), self.tags, label("Note", "overline"), self.note, gap="s")
        layout.setStretch(3, 1)
        self.setLayout(layout)
        self.tags.textEdited.connect(self._rest.start)
        self.note.textChanged.connect(self._rest.start)

    @property
    def annotations(self) -> Annotations:
        """What stands here."""
        tags = [tag.strip() for tag in self.tags.text().split(",") if tag.strip()]
        return Annotations(tags=tags, note=self.note.toPlainText())

    def show_annotations(self, annotations: Annotations) -> None:
        """Show those of another run."""
        blocked = self.note.blockSignals(True)
        self.tags.setText(", ".join(annotations.tags))
        self.note.setPlainText(annotations.note)
        self.note.blockSignals(blocked)
        self._rest.stop()

    def flush(self) -> None:
        """Say now what has not been said yet."""
        if self._rest.isActive():
            self._rest.stop()
            self._on_rest()

    @Slot()
    def _on_rest(self) -> None:
        self.changed.emit(self.annotations)
