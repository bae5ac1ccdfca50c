"""What to generate: tier, rows, seed, the mix of situations, a look at the first rows, and where they go."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QLineEdit, QWidget

from arny_studio.recipe import DataRecipe
from arny_studio.ui.data.mix_form import MixForm
from arny_studio.ui.widgets.inputs import Choice, Number
from arny_studio.ui.widgets.layout import column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import allow, button, label, plain_tooltip

NEW_FILE, CURRENT = "new", "current"
PREVIEW_ROWS = 8
_TIERS = (("Tier-1: routing decisions", "tier1"), ("Tier-2: long answers", "tier2"))
_PHRASES = (("Training phrases", "train"), ("Held-out phrases and names", "test"))
_ROUTER_PHRASES = (("Held-out phrases, known names", "phrasings"), ("Unseen sentence shapes", "shapes"))


class GenerateDialog(QDialog):
    """Asks for a recipe; writes nothing itself and never over a file that is there."""

    generate_requested = Signal(object, bool)  # DataRecipe, whether its rows go into the document in front
    preview_requested = Signal(object)  # DataRecipe of a few rows

    def __init__(self, datasets: Path, parent: QWidget, *, into: str = "") -> None:
        """`into`: the name of the document in front, to which rows may be added."""
        super().__init__(parent)
        self.setWindowTitle("Generate a dataset")
        self.resize(820, 560)
        self._datasets = datasets
        self.tier = _choices(_TIERS)
        self.phrases = _choices(_PHRASES)
        self.rows = Number(1, 10_000_000, 3000)
        self.seed = Number(0, 2_147_483_647, 7)
        self.target = Choice("Where the rows go")
        self.target.addItem("A new file", NEW_FILE)
        if into:
            self.target.addItem(f"Behind the rows of {into}", CURRENT)
        self.name = QLineEdit()
        self.name.setAccessibleName("File")
        self.mix = MixForm()
        self._note = label(role="caption", wraps=True)
        self._preview = label("The first rows stand here once you ask for them.", "muted", wraps=True, selectable=True)
        self.preview_button = button("Preview")
        self.generate = button("Generate", "primary")
        self._cancel = button("Cancel")
        self._place()
        self._connect()
        self._on_tier_changed()

    @property
    def path(self) -> Path:
        """Where the rows will be written."""
        name = self.name.text().strip()
        return self._datasets / (name if name.endswith(".jsonl") else f"{name}.jsonl")

    @property
    def goes_into_document(self) -> bool:
        """Whether the rows are added to the document in front."""
        return self.target.currentData() == CURRENT

    def recipe(self, path: Path, rows: int) -> DataRecipe:
        """What the form says, for a file and a number of rows."""
        mix = self.mix.changed if self.tier.currentData() == "tier1" else {}
        return DataRecipe(
            task="generate", path=str(path), tier=self.tier.currentData(), phrases=self.phrases.currentData(),
            rows=rows, seed=self.seed.value(), mix=mix,
            title=f"Generate {path.name}",
        )  # fmt: skip

    def show_preview(self, queries: list[str]) -> None:
        """What the first users say."""
        self._preview.setText("\n\n".join(queries))

    def _place(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(space("l"))
        form.setVerticalSpacing(space("s"))
        for title, field in (
            ("For", self.tier), ("Phrases", self.phrases), ("Rows", self.rows), ("Seed", self.seed),
            ("Into", self.target), ("File", self.name),
        ):  # fmt: skip
            form.addRow(title, field)
        left = column(form, label("Mix", "overline"), scrolled(self.mix), gap="s")
        right = column(
            row(label("First rows", "overline"), 1, self.preview_button), scrolled(holder(column(self._preview, 1)))
        )
        body = row(gap="xl")
        body.addLayout(left, 1)
        body.addLayout(right, 1)
        about = label("The same seed writes the same rows. Labels follow from the sentences.", "muted", wraps=True)
        layout = column(label("Generate a dataset", "heading"), about, gap="m", margin="xl")
        layout.addLayout(body, 1)
        foot = row(self._note, self._cancel, self.generate)
        foot.setStretch(0, 1)
        layout.addLayout(foot)
        self.setLayout(layout)

    def _connect(self) -> None:
        self.tier.currentIndexChanged.connect(self._on_tier_changed)
        self.phrases.currentIndexChanged.connect(self._on_kind_changed)
        self.target.currentIndexChanged.connect(self._check_name)
        self.name.textChanged.connect(self._check_name)
        self.preview_button.clicked.connect(self._on_preview_clicked)
        self.generate.clicked.connect(self._on_generate_clicked)
        self._cancel.clicked.connect(self.reject)

    @Slot()
    def _on_tier_changed(self) -> None:
        """Offer the phrases that the tier has; taking an entry away chooses another one."""
        is_router = self.tier.currentData() == "tier1"
        for title, phrases in _ROUTER_PHRASES:
            line = self.phrases.findData(phrases)
            if is_router and line < 0:
                self.phrases.addItem(title, phrases)
            elif not is_router and line >= 0:
                self.phrases.removeItem(line)
        self.mix.setEnabled(is_router)
        self._on_kind_changed()

    @Slot()
    def _on_kind_changed(self) -> None:
        stem = f"{self.tier.currentData()}-{self.phrases.currentData()}"
        names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10_000))
        free = next(name for name in names if not (self._datasets / f"{name}.jsonl").exists())
        self.name.setText(f"{free}.jsonl")

    @Slot()
    def _check_name(self, *_: object) -> None:
        name = self.name.text().strip()
        self.name.setEnabled(not self.goes_into_document)
        reason = "" if self.goes_into_document else self._name_problem(name)
        where = (
            "One undo step; a snapshot is kept before."
            if self.goes_into_document
            else "Goes to the datasets of the workspace."
        )
        self._note.setText(reason or where)
        plain_tooltip(self._note, str(self._datasets))
        allow(self.generate, not reason, reason)

    def _name_problem(self, name: str) -> str:
        if not name or Path(name).name != name:
            return "Give the file a name without folders."
        return f"{self.path.name} is there already; choose another name." if self.path.exists() else ""

    @Slot()
    def _on_preview_clicked(self) -> None:
        self.preview_requested.emit(self.recipe(self.path, PREVIEW_ROWS))

    @Slot()
    def _on_generate_clicked(self) -> None:
        self.generate_requested.emit(self.recipe(self.path, self.rows.value()), self.goes_into_document)
        self.accept()


def _choices(choices: tuple[tuple[str, str], ...]) -> QComboBox:
    made = Choice()
    for title, value in choices:
        made.addItem(title, value)
    return made
