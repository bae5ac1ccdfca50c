"""What to export, from where, into which formats, and how strictly it is judged; or which GGUF to check."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal, SignalInstance, Slot
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QLineEdit, QWidget

from arny_studio.recipe.plan import ExportPlan
from arny_studio.ui.export.parity_card import ParityCard
from arny_studio.ui.export.quants_model import BITS, FIRST_PHONE, QUALITY, QUANTS, SIZE, USE, QuantsModel
from arny_studio.ui.export.sources import FinishedRun, Wish
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.table import ROW_PX, Table
from arny_studio.ui.widgets.text import button, label
from arny_studio.ui.wording import bytes_in_words, seconds_in_words

FROM_RUN, FROM_FOLDERS, CHECK = range(3)
_SOURCES = ("A finished run", "Folders or an F16 GGUF", "Check a GGUF")


class ExportForm(QWidget):
    """Shows what may be exported and holds the wish."""

    changed = Signal()
    base_requested = Signal()
    adapter_folder_requested = Signal()
    checked_file_requested = Signal()
    reference_file_requested = Signal()
    out_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.run = Choice("Finished run")
        self.base = _field("Folder or Hub id of the base or merged model, or an F16 GGUF")
        self.adapter = _field("Folder of the adapter; empty: the base as it is")
        self.checked = _field("The GGUF to check")
        self.reference = _field("Its F16 GGUF; empty: only the file itself is checked")
        self.tier, self.checked_tier = _tiers("No tier in particular"), _tiers("What its lineage or name says")
        self.name = _field("Made from the base model's name")
        self.name.setAccessibleName("Name of the files")
        self.license = _field("That of the base")
        self.license.setAccessibleName("Licence of the files")
        self.out = _field("Also put finished files into this folder; empty: they stay with the export")
        self.out.setAccessibleName("Also put finished files into")
        self.merged = QCheckBox("Also the merged model as safetensors")
        self.lora = QCheckBox("Also the adapter alone as a LoRA GGUF")
        self.quants = QuantsModel(self)
        self.parity = ParityCard()
        self.totals = label(role="muted", wraps=True)
        self.about_run = label(role="muted", wraps=True)
        self.no_runs = label("No training of this workspace is finished yet.", "muted", wraps=True)
        self._is_picked = False  # by the user or another tab
        self._plan: ExportPlan | None = None
        self._problem = ""
        self._switches = QButtonGroup(self)
        self._sources: tuple[QWidget, ...] = ()
        self._formats = self._build_formats(theme)
        self.setLayout(column(self._build_source(), self._formats, self.parity, 1, gap="m"))
        self._connect()
        self.show_source(FROM_RUN)

    def show_runs(self, runs: list[FinishedRun]) -> None:
        """Fill the picker of finished runs; the one that was picked stays."""
        chosen = self.chosen_run if self._is_picked else None  # else the newest
        blocked = self.run.blockSignals(True)
        self.run.clear()
        for run in runs:
            self.run.addItem(run.label, run)
        if chosen is not None:
            self.choose_run(chosen)
        self.run.blockSignals(blocked)
        self.run.setVisible(bool(runs))
        self.no_runs.setVisible(not runs)
        self._on_changed()

    def choose_run(self, wanted: FinishedRun) -> bool:
        """Choose a run, for good; False where it is not among the finished ones."""
        self._is_picked = True
        for line in range(self.run.count()):
            if self.run.itemData(line).folder == wanted.folder:
                self.run.setCurrentIndex(line)
                return True
        return False

    @Slot(int)
    def show_source(self, number: int) -> None:
        """Export a finished run or folders, or check a file."""
        self._switches.button(number).setChecked(True)
        for other, source in enumerate(self._sources):
            source.setVisible(other == number)
        self._names.setVisible(number != CHECK)
        self._formats.setVisible(number != CHECK)
        self.changed.emit()

    def show_plan(self, plan: ExportPlan | None, problem: str = "") -> None:
        """What the files will be; None while nothing is known, with what keeps it from being known."""
        self._plan = plan
        self.quants.show_plan(plan)
        self._problem = problem
        self._show_totals()

    @property
    def chosen_run(self) -> FinishedRun | None:
        """The finished run in the picker."""
        return self.run.currentData()

    @property
    def wish(self) -> Wish:
        """What is asked for."""
        source = self._switches.checkedId()
        return Wish(
            run=self.chosen_run if source == FROM_RUN else None,
            base=self.base.text().strip() if source == FROM_FOLDERS else "",
            adapter=self.adapter.text().strip() if source == FROM_FOLDERS else "",
            quants=self.quants.chosen,
            name=self.name.text().strip(),
            license=self.license.text().strip(),
            tier=(self.checked_tier if source == CHECK else self.tier).currentData(),
            merged_folder=self.merged.isChecked(),
            lora_gguf=self.lora.isChecked(),
            out=self.out.text().strip(),
            checks=source == CHECK,
            checked=self.checked.text().strip(),
            reference=self.reference.text().strip(),
            parity=self.parity.settings,
        )

    def _build_source(self) -> QWidget:
        card = Card("What to export")
        switches = row(gap="xs")
        for number, title in enumerate(_SOURCES):
            made = button(title, "quiet")
            made.setCheckable(True)
            self._switches.addButton(made, number)
            switches.addWidget(made)
        switches.addStretch(1)
        self._sources = (
            holder(column(self.run, self.no_runs, self.about_run)),
            self._build_fields(
                self.tier, ("Base", self.base, self.base_requested), ("Adapter", self.adapter, self.adapter_folder_requested)
            ),
            self._build_fields(
                self.checked_tier, ("File", self.checked, self.checked_file_requested),
                ("Against", self.reference, self.reference_file_requested),
            ),
        )  # fmt: skip
        card.add(switches)
        for source in self._sources:
            card.add(source)
        self._names = self._build_names()
        card.add(self._names)
        return card

    def _build_names(self) -> QWidget:
        grid = _grid()
        grid.addWidget(label("File name"), 0, 0)
        grid.addWidget(self.name, 0, 1)
        grid.addWidget(label("Licence"), 0, 2)
        grid.addWidget(self.license, 0, 3)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(3, 1)
        browse = button("Browse…")
        browse.clicked.connect(self.out_requested)
        grid.addWidget(label("Put into"), 1, 0)
        grid.addLayout(row(self.out, browse, gap="m"), 1, 1, 1, 3)
        grid.addLayout(row(self.merged, self.lora, 1, gap="l"), 2, 1, 1, 3)
        return holder(grid)

    def _build_fields(self, tier: Choice, *lines: tuple[str, QLineEdit, SignalInstance]) -> QWidget:
        grid = _grid()
        for line, (name, field, request) in enumerate(lines):
            browse = button("Browse…")
            browse.clicked.connect(request)
            field.setAccessibleName(name)
            grid.addWidget(label(name), line, 0)
            grid.addWidget(field, line, 1)
            grid.addWidget(browse, line, 2)
        grid.addWidget(label("For"), len(lines), 0)
        grid.addWidget(tier, len(lines), 1)
        return holder(grid)

    def _build_formats(self, theme: ThemeSwitcher) -> QWidget:
        card = Card("Formats", flush=True)
        phones = range(FIRST_PHONE, QUALITY)
        widths = {0: 108, BITS: 92, SIZE: 86, QUALITY: 112} | dict.fromkeys(phones, 108)
        self.table = Table(self.quants, widths, USE, hidden_below={QUALITY: 880, USE: 770, BITS: 600})
        self.table.setItemDelegate(CellDelegate(theme, self.table))
        self.table.setAccessibleName("Formats")
        self.table.setMinimumHeight(ROW_PX * (len(QUANTS) + 1) + 8)
        card.add(self.table, 1)
        foot = row(self.totals)
        foot.setContentsMargins(space("l"), 0, space("l"), space("m"))
        card.add(foot)
        return card

    def _connect(self) -> None:
        self._switches.idClicked.connect(self.show_source)
        self.run.currentIndexChanged.connect(self._on_changed)
        self.run.activated.connect(self._on_picked)
        for choice in (self.tier, self.checked_tier):
            choice.currentIndexChanged.connect(self._on_changed)
        for field in (self.base, self.adapter, self.name, self.license, self.out, self.checked, self.reference):
            field.textChanged.connect(self._on_changed)
        for box in (self.merged, self.lora):
            box.toggled.connect(self._on_changed)
        self.parity.changed.connect(self._on_changed)
        self.quants.chosen_changed.connect(self._on_changed)
        self.table.doubleClicked.connect(self._on_double_clicked)

    @Slot()
    def _on_picked(self) -> None:
        self._is_picked = True

    @Slot()
    def _on_changed(self) -> None:
        run = self.chosen_run
        self.about_run.setText(f"{run.recipe.tier}, on {run.recipe.base}" if run is not None else "")
        self._show_totals()
        self.changed.emit()

    @Slot(QModelIndex)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        if index.column() > 0:
            self.quants.toggle(index.row())

    def _show_totals(self) -> None:
        """Disk and time for what is ticked, and what is too large for the disk."""
        if self._plan is None:
            self.totals.setText(self._problem)
            return
        chosen = self.quants.chosen
        needed, free = self._plan.needed_for(chosen), self._plan.free_bytes
        room = f"{bytes_in_words(needed)} of disk while it runs, {bytes_in_words(free)} are free"
        if needed > free:
            room = f"Not enough room: {room}"
        fallbacks = [file.fallback_sentence for file in self._plan.files if file.quant in chosen and file.fallbacks]
        time = f"about {seconds_in_words(self._plan.about_for(chosen))} on this computer"
        others = [
            f"{file.name} takes {bytes_in_words(file.size_bytes)}." for file in self._plan.files if not file.quant
        ]
        self.totals.setText("\n".join([f"{room}  ·  {time}", *others, *fallbacks]))


def _field(placeholder: str) -> QLineEdit:
    made = QLineEdit()
    made.setPlaceholderText(placeholder)
    return made


def _tiers(none: str) -> Choice:
    """Which tier a model is for: it decides which prompts it answers and how it is loaded on a phone."""
    made = Choice("What it is for")
    for title, tier in ((none, ""), ("Tier-1: the router", "tier1"), ("Tier-2: the reasoner", "tier2")):
        made.addItem(title, tier)
    return made


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(space("m"))
    grid.setVerticalSpacing(space("m"))
    grid.setColumnMinimumWidth(0, 64)
    return grid
