"""What a training starts from: base model, training and validation data, and the name of the run."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QLineEdit, QWidget

from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.text import button, label

NO_VALIDATION = ""


class SourcesForm(Card):
    """Pickers. A base may also be typed: a Hub id or a folder."""

    changed = Signal()
    base_folder_requested = Signal()
    train_file_requested = Signal()
    validation_file_requested = Signal()

    def __init__(self) -> None:
        super().__init__("What to train")
        self.base = Choice("Base model")
        self.base.setEditable(True)
        self.base.setInsertPolicy(Choice.InsertPolicy.NoInsert)
        self.train = Choice("Training data")
        self.validation = Choice("Validation data")
        self.title_edit = QLineEdit()
        self.title_edit.setAccessibleName("Name of the run")
        self.title_edit.setPlaceholderText("Name of the run")
        self.note = label(role="caption", wraps=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(space("m"))
        self._grid.setVerticalSpacing(space("m"))
        self._grid.setColumnStretch(1, 1)
        self._browse = {name: button("Browse…") for name in ("base", "train", "validation")}
        self._add("Base model", self.base, self._browse["base"])
        self._add("Training data", self.train, self._browse["train"])
        self._add("Validation data", self.validation, self._browse["validation"])
        self._add("Name", self.title_edit, None)
        self.add(self._grid)
        self.add(self.note)
        self._browse["base"].clicked.connect(self.base_folder_requested)
        self._browse["train"].clicked.connect(self.train_file_requested)
        self._browse["validation"].clicked.connect(self.validation_file_requested)
        self.base.currentTextChanged.connect(self._on_changed)
        self.base.activated.connect(self._show_beginning)
        self.train.currentIndexChanged.connect(self._on_changed)
        self.validation.currentIndexChanged.connect(self._on_changed)
        self.title_edit.textEdited.connect(self._on_changed)

    def show_choices(self, bases: list[tuple[str, object]], datasets: list[tuple[str, object]]) -> None:
        """Fill the pickers; what was chosen stays."""
        typed = self.base_value
        blocked = self.base.blockSignals(True)
        self.base.show_choices(bases)
        self.show_base(typed)
        self.base.blockSignals(blocked)
        self.train.show_choices(datasets)
        self.validation.show_choices([("None", NO_VALIDATION), *datasets])

    def show_base(self, base: str) -> None:
        """Choose a base, known or not."""
        if base and not self.base.choose(base):
            self.base.setEditText(base)
        self._show_beginning()

    def show_dataset(self, path: Path, *, is_validation: bool = False) -> None:
        """Choose a file, adding it where the workspace does not hold it."""
        for target in (self.train, self.validation):
            if target.findData(str(path)) < 0:
                target.addItem(path.name, str(path))
        (self.validation if is_validation else self.train).choose(str(path))

    @property
    def base_value(self) -> str:
        """The base as the recipe names it: a folder or a Hub id."""
        text = self.base.currentText().strip()
        line = self.base.findText(text)
        return str(self.base.itemData(line)) if line >= 0 else text

    @property
    def train_value(self) -> str:
        """Path of the training data; empty where nothing is chosen."""
        return str(self.train.currentData() or "")

    @property
    def validation_value(self) -> str:
        """Path of the validation data; empty for none."""
        return str(self.validation.currentData() or "")

    def _add(self, name: str, field: QWidget, browse: QWidget | None) -> None:
        line = self._grid.rowCount()
        self._grid.addWidget(label(name), line, 0)
        self._grid.addWidget(field, line, 1, 1, 1 if browse is not None else 2)
        if browse is not None:
            self._grid.addWidget(browse, line, 2)

    @Slot()
    def _show_beginning(self, *_: object) -> None:
        """Of a long path or name the beginning, not the end."""
        edit = self.base.lineEdit()
        if edit is not None:
            edit.setCursorPosition(0)

    @Slot()
    def _on_changed(self, *_: object) -> None:
        self.changed.emit()
