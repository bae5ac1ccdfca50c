"""The runs of one kind in a card, with the way to begin another one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView

from arny_studio.jobs.folder import RunFolder
from arny_studio.ui.runs.runs_model import RunDelegate, RunsModel
from arny_studio.ui.runs.summary import RunSummary
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.text import button, label


class RunList(Card):
    """Says which run the user picked, several where the list allows that, or that a new one is wanted.

    `tools` is a line below the button of the new run, for what else can be done with the list.
    """

    run_chosen = Signal(object)  # RunFolder
    several_chosen = Signal(object)  # list[RunFolder], two or more, in the order of the list
    new_requested = Signal()

    def __init__(self, theme: ThemeSwitcher, title: str, new: str, none_yet: str, *, several: bool = False) -> None:
        super().__init__(title, flush=True)
        self.model = RunsModel(self)
        self.view = QListView()
        self.view.setModel(self.model)
        self.view.setItemDelegate(RunDelegate(theme, self.view))
        self.view.setProperty("look", "inset")
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        mode = QAbstractItemView.SelectionMode
        self.view.setSelectionMode(mode.ExtendedSelection if several else mode.SingleSelection)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setUniformItemSizes(True)
        self.view.setAccessibleName(title)
        self.new_button = button(new)
        theme.dress(self.new_button, "plus", "text_muted")
        self.new_button.setIconSize(QSize(16, 16))
        self._none_yet = label(none_yet, "muted", wraps=True)
        self.tools = row(gap="xs")
        top = column(self.new_button, self.tools, gap="xs")
        top.setContentsMargins(space("l"), space("xs"), space("l"), space("s"))
        note = row(self._none_yet)
        note.setContentsMargins(space("l"), space("s"), space("l"), 0)
        self._note = holder(note)
        self.add(top)
        self.add(self._note)
        self.add(self.view, 1)
        self.new_button.clicked.connect(self.new_requested)
        self.view.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.show_runs([])

    def show_runs(self, runs: list[RunSummary]) -> None:
        """Fill the list, and keep what is selected."""
        chosen = self.chosen_runs
        self.model.show_runs(runs)
        self._note.setVisible(not runs)
        if chosen:
            self.choose_all(chosen)

    @property
    def chosen(self) -> RunFolder | None:
        """The run that is selected; None where there is none, or more than one."""
        chosen = self.chosen_runs
        return chosen[0] if len(chosen) == 1 else None

    def choose(self, folder: RunFolder | None) -> None:
        """Select a run, or none, without saying so."""
        self.choose_all([] if folder is None else [folder])

    def choose_all(self, folders: Sequence[RunFolder]) -> None:
        """Select these runs without saying so."""
        selection = self.view.selectionModel()
        was_blocked = selection.blockSignals(True)
        selection.clear()
        for folder in folders:
            line = self.model.line_of(folder)
            if line is not None:
                selection.setCurrentIndex(self.model.index(line), QItemSelectionModel.SelectionFlag.Select)
        selection.blockSignals(was_blocked)
        self.view.viewport().update()

    @property
    def chosen_runs(self) -> list[RunFolder]:
        """Every run that is selected, in the order of the list."""
        lines = sorted(index.row() for index in self.view.selectionModel().selectedIndexes())
        return [self.model.run_at(line).folder for line in lines]

    @Slot(QItemSelection, QItemSelection)
    def _on_selection_changed(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        chosen = self.chosen_runs
        if len(chosen) == 1:
            self.run_chosen.emit(chosen[0])
        elif chosen:
            self.several_chosen.emit(chosen)
