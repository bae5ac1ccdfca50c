"""A file that is no list of conversations yet: what it is, what five of its rows become, and where they go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QFormLayout, QGridLayout, QLineEdit, QWidget

from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import allow, button, label, plain_tooltip

_SHOWN_CHARACTERS = 700


class ConvertedRow(Struct, frozen=True, kw_only=True):
    """One row before and after; `problem` says why it cannot be converted."""

    line: int
    source: str
    converted: str = ""
    problem: str = ""


class ImportDialog(QDialog):
    """Nothing is written before the rows have been seen."""

    import_requested = Signal(str, object)  # format id, target Path
    format_chosen = Signal(str)

    def __init__(self, source: Path, datasets: Path, formats: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Import a dataset")
        self.resize(860, 600)
        self._datasets = datasets
        self.format = Choice("Format")
        for title, id in formats:
            self.format.addItem(title, id)
        self.name = QLineEdit(_free_name(datasets, source.stem))
        self.sentence = label("Looking at the file…", "muted", wraps=True)
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(space("l"))
        self._rows.setVerticalSpacing(space("m"))
        self._rows.setColumnStretch(0, 1)
        self._rows.setColumnStretch(1, 1)
        self._note = label(role="caption", wraps=True)
        self.import_button = button("Import", "primary")
        cancel = button("Cancel")
        form = QFormLayout()
        form.setHorizontalSpacing(space("m"))
        form.setVerticalSpacing(space("s"))
        form.addRow("Format", self.format)
        form.addRow("New file", self.name)
        head = label(f"Import {source.name}", "heading")
        layout = column(head, self.sentence, form, gap="m", margin="xl")
        layout.addWidget(scrolled(holder(column(self._rows, 1))), 1)
        foot = row(self._note, cancel, self.import_button)
        foot.setStretch(0, 1)
        layout.addLayout(foot)
        self.setLayout(layout)
        cancel.clicked.connect(self.reject)
        self.import_button.clicked.connect(self._on_import_clicked)
        self.format.activated.connect(self._on_format_chosen)
        self.name.textChanged.connect(self._check_name)
        self._check_name()

    @property
    def target(self) -> Path:
        """Where the converted rows go."""
        name = self.name.text().strip()
        return self._datasets / (name if name.endswith(".jsonl") else f"{name}.jsonl")

    def show_detected(self, format: str, sentence: str) -> None:
        """What the file was found to be."""
        self.format.choose(format)
        self.sentence.setText(sentence)

    def show_rows(self, rows: Sequence[ConvertedRow]) -> None:
        """The first rows as they are and as they would be."""
        clear(self._rows)
        self._rows.addWidget(label("As it is", "overline"), 0, 0)
        self._rows.addWidget(label("As it becomes", "overline"), 0, 1)
        for number, shown in enumerate(rows, start=1):
            self._rows.addWidget(
                label(shown.source[:_SHOWN_CHARACTERS], "code", wraps=True), number, 0, Qt.AlignmentFlag.AlignTop
            )
            role = "danger" if shown.problem else "code"
            text = shown.problem or shown.converted
            self._rows.addWidget(
                label(text[:_SHOWN_CHARACTERS], role, wraps=True), number, 1, Qt.AlignmentFlag.AlignTop
            )

    @Slot()
    def _on_import_clicked(self) -> None:
        self.import_requested.emit(str(self.format.currentData()), self.target)
        self.accept()

    @Slot()
    def _on_format_chosen(self, *_: object) -> None:
        self.format_chosen.emit(str(self.format.currentData()))

    @Slot()
    def _check_name(self, *_: object) -> None:
        name = self.name.text().strip()
        reason = ""
        if not name or Path(name).name != name:
            reason = "Give the file a name without folders."
        elif self.target.exists():
            reason = f"{self.target.name} is there already; choose another name."
        self._note.setText(reason or "Goes to the datasets of the workspace; the file it came from stays as it is.")
        plain_tooltip(self._note, str(self._datasets))
        allow(self.import_button, not reason, reason)


def _free_name(folder: Path, stem: str) -> str:
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10_000))
    return next(f"{name}.jsonl" for name in names if not (folder / f"{name}.jsonl").exists())
