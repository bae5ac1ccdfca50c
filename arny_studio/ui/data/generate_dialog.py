"""What to generate: tier, rows, seed, and the name of the file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QLineEdit, QSpinBox, QWidget

from arny_studio.recipe import DataRecipe
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import allow, button, label, plain_tooltip

_TIERS = (("Tier-1: routing decisions", "tier1"), ("Tier-2: long answers", "tier2"))
_PHRASES = (("Training phrases", "train"), ("Held-out phrases, for tests", "test"))
_SHAPES = ("Unseen sentence shapes", "shapes")  # of the Tier-1 generator alone


class GenerateDialog(QDialog):
    """Asks for a recipe; writes nothing itself and never over a file that is there."""

    generate_requested = Signal(object)  # DataRecipe

    def __init__(self, datasets: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Generate a dataset")
        self._datasets = datasets
        self.tier = _choices(_TIERS)
        self.phrases = _choices(_PHRASES)
        self.rows = _number(1, 10_000_000, 3000)
        self.seed = _number(0, 2_147_483_647, 7)
        self.name = QLineEdit()
        self._note = label(role="caption", wraps=True)
        self.generate = button("Generate", "primary")
        cancel = button("Cancel")
        form = QFormLayout()
        form.setHorizontalSpacing(space("l"))
        form.setVerticalSpacing(space("m"))
        for title, field in (
            ("For", self.tier), ("Phrases", self.phrases), ("Rows", self.rows), ("Seed", self.seed), ("File", self.name),
        ):  # fmt: skip
            form.addRow(title, field)
        about = label("The same seed writes the same rows. Labels follow from the sentences.", "muted", wraps=True)
        head = label("Generate a dataset", "heading")
        self.setLayout(column(head, about, form, self._note, row(1, cancel, self.generate), gap="l", margin="xl"))
        self.setMinimumWidth(460)
        self.tier.currentIndexChanged.connect(self._on_tier_changed)
        self.phrases.currentIndexChanged.connect(self._on_kind_changed)
        self.name.textChanged.connect(self._on_name_changed)
        self.generate.clicked.connect(self._on_generate_clicked)
        cancel.clicked.connect(self.reject)
        self._on_tier_changed()

    @property
    def path(self) -> Path:
        """Where the rows will be written."""
        name = self.name.text().strip()
        return self._datasets / (name if name.endswith(".jsonl") else f"{name}.jsonl")

    @Slot()
    def _on_tier_changed(self) -> None:
        """Offer unseen shapes where there are some; taking the entry away chooses another one."""
        line = self.phrases.findData(_SHAPES[1])
        if self.tier.currentData() == "tier1" and line < 0:
            self.phrases.addItem(*_SHAPES)
        elif self.tier.currentData() != "tier1" and line >= 0:
            self.phrases.removeItem(line)
        self._on_kind_changed()

    @Slot()
    def _on_kind_changed(self) -> None:
        stem = f"{self.tier.currentData()}-{self.phrases.currentData()}"
        names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10_000))
        free = next(name for name in names if not (self._datasets / f"{name}.jsonl").exists())
        self.name.setText(f"{free}.jsonl")

    @Slot(str)
    def _on_name_changed(self, text: str) -> None:
        name = text.strip()
        reason = ""
        if not name or Path(name).name != name:
            reason = "Give the file a name without folders."
        elif self.path.exists():
            reason = f"{self.path.name} is there already; choose another name."
        self._note.setText(reason or "Goes to the datasets of the workspace.")
        plain_tooltip(self._note, str(self._datasets))
        allow(self.generate, not reason, reason)

    @Slot()
    def _on_generate_clicked(self) -> None:
        recipe = DataRecipe(
            task="generate", path=str(self.path), tier=self.tier.currentData(), phrases=self.phrases.currentData(),
            rows=self.rows.value(), seed=self.seed.value(), title=f"Generate {self.path.name}",
        )  # fmt: skip
        self.generate_requested.emit(recipe)
        self.accept()


def _choices(choices: tuple[tuple[str, str], ...]) -> QComboBox:
    made = QComboBox()
    for title, value in choices:
        made.addItem(title, value)
    return made


def _number(least: int, most: int, value: int) -> QSpinBox:
    made = QSpinBox()
    made.setRange(least, most)
    made.setGroupSeparatorShown(True)
    made.setValue(value)
    return made
