"""What to export, from where, and into which formats."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QLineEdit, QWidget

from arny_studio.ui.export.quants_model import QUANTS, QuantsModel
from arny_studio.ui.export.sources import FinishedRun, Wish
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.table import ROW_PX, Table
from arny_studio.ui.widgets.text import button, label

FROM_RUN, FROM_FOLDERS = range(2)


class ExportForm(QWidget):
    """Shows what may be exported and holds the wish."""

    changed = Signal()
    base_folder_requested = Signal()
    adapter_folder_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.run = Choice("Finished run")
        self.base, self.adapter, self.name = QLineEdit(), QLineEdit(), QLineEdit()
        self.base.setPlaceholderText("Folder of the base model")
        self.adapter.setPlaceholderText("Folder of the adapter; empty: the base as it is")
        self.name.setPlaceholderText("Made from the base model's name")
        self.name.setAccessibleName("Name of the files")
        self.merged = QCheckBox("Also write the merged model as safetensors")
        self.quants = QuantsModel(self)
        self.about_run = label(role="muted", wraps=True)
        self.no_runs = label("No training of this workspace is finished yet.", "muted", wraps=True)
        self._is_picked = False  # by the user or another tab
        self._switches = QButtonGroup(self)
        self._sources: tuple[QWidget, ...] = ()
        self.setLayout(column(self._build_source(), self._build_formats(), 1, gap="m"))
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
        """Export a finished run, or folders."""
        self._switches.button(number).setChecked(True)
        for other, source in enumerate(self._sources):
            source.setVisible(other == number)
        self.changed.emit()

    @property
    def chosen_run(self) -> FinishedRun | None:
        """The finished run in the picker."""
        return self.run.currentData()

    @property
    def wish(self) -> Wish:
        """What is asked for."""
        is_run = self._switches.checkedId() == FROM_RUN
        return Wish(
            run=self.chosen_run if is_run else None,
            base="" if is_run else self.base.text().strip(),
            adapter="" if is_run else self.adapter.text().strip(),
            quants=self.quants.chosen,
            name=self.name.text().strip(),
            merged_folder=self.merged.isChecked(),
        )

    def _build_source(self) -> QWidget:
        card = Card("What to export")
        switches = row(gap="xs")
        for number, title in enumerate(("A finished run", "Folders")):
            made = button(title, "quiet")
            made.setCheckable(True)
            self._switches.addButton(made, number)
            switches.addWidget(made)
        switches.addStretch(1)
        self._sources = (holder(column(self.run, self.no_runs, self.about_run)), self._build_folders())
        names = QGridLayout()
        names.setHorizontalSpacing(space("m"))
        names.setVerticalSpacing(space("m"))
        names.addWidget(label("File name"), 0, 0)
        names.addWidget(self.name, 0, 1)
        names.addWidget(self.merged, 1, 1)
        card.add(switches)
        for source in self._sources:
            card.add(source)
        card.add(names)
        return card

    def _build_folders(self) -> QWidget:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("m"))
        lines = (
            ("Base", self.base, self.base_folder_requested),
            ("Adapter", self.adapter, self.adapter_folder_requested),
        )
        for line, (name, field, request) in enumerate(lines):
            browse = button("Browse…")
            browse.clicked.connect(request)
            field.setAccessibleName(f"{name} folder")
            grid.addWidget(label(name), line, 0)
            grid.addWidget(field, line, 1)
            grid.addWidget(browse, line, 2)
        return holder(grid)

    def _build_formats(self) -> QWidget:
        card = Card("Formats", flush=True)
        widths = {0: 112, 1: 96, 2: 78, 3: 78, 4: 120}
        self.table = Table(self.quants, widths, 5, hidden_below={2: 560, 3: 560})
        self.table.setAccessibleName("Formats")
        self.table.setMinimumHeight(ROW_PX * (len(QUANTS) + 1) + 8)
        card.add(self.table, 1)
        return card

    def _connect(self) -> None:
        self._switches.idClicked.connect(self.show_source)
        self.run.currentIndexChanged.connect(self._on_changed)
        self.run.activated.connect(self._on_picked)
        for field in (self.base, self.adapter, self.name):
            field.textChanged.connect(self._on_changed)
        self.merged.toggled.connect(self._on_changed)
        self.quants.chosen_changed.connect(self._on_changed)
        self.table.doubleClicked.connect(self._on_double_clicked)

    @Slot(int)
    def _on_picked(self, _line: int) -> None:
        self._is_picked = True

    @Slot()
    def _on_changed(self, *_: object) -> None:
        run = self.chosen_run
        self.about_run.setText(f"{run.recipe.tier}, on {run.recipe.base}" if run is not None else "")
        self.changed.emit()

    @Slot(QModelIndex)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        if index.column() > 0:
            self.quants.toggle(index.row())
