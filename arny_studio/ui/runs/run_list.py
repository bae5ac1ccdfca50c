"""The runs of one kind in a card, with the way to begin another one."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView

from arny_studio.jobs.folder import RunFolder
from arny_studio.ui.runs.runs_model import RunDelegate, RunsModel
from arny_studio.ui.runs.summary import RunSummary
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.layout import holder, row, space
from arny_studio.ui.widgets.text import button, label


class RunList(Card):
    """Says which run the user picked, or that a new one is wanted."""

    run_chosen = Signal(object)  # RunFolder
    new_requested = Signal()

    def __init__(self, theme: ThemeSwitcher, title: str, new: str, none_yet: str) -> None:
        super().__init__(title, flush=True)
        self.model = RunsModel(self)
        self.view = QListView()
        self.view.setModel(self.model)
        self.view.setItemDelegate(RunDelegate(theme, self.view))
        self.view.setProperty("look", "inset")
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setUniformItemSizes(True)
        self.view.setAccessibleName(title)
        self.new_button = button(new)
        theme.dress(self.new_button, "plus", "text_muted")
        self.new_button.setIconSize(QSize(16, 16))
        self._none_yet = label(none_yet, "muted", wraps=True)
        top = row(self.new_button)
        top.setContentsMargins(space("l"), space("xs"), space("l"), space("s"))
        note = row(self._none_yet)
        note.setContentsMargins(space("l"), space("s"), space("l"), 0)
        self._note = holder(note)
        self.add(top)
        self.add(self._note)
        self.add(self.view, 1)
        self.new_button.clicked.connect(self.new_requested)
        self.view.selectionModel().currentChanged.connect(self._on_current_changed)
        self.show_runs([])

    def show_runs(self, runs: list[RunSummary]) -> None:
        """Fill the list, and keep what is selected."""
        chosen = self.chosen
        self.model.show_runs(runs)
        self._note.setVisible(not runs)
        if chosen is not None:
            self.choose(chosen)

    @property
    def chosen(self) -> RunFolder | None:
        """The run that is selected."""
        index = self.view.currentIndex()
        return self.model.run_at(index.row()).folder if index.isValid() else None

    def choose(self, folder: RunFolder | None) -> None:
        """Select a run, or none, without saying so."""
        selection = self.view.selectionModel()
        was_blocked = selection.blockSignals(True)
        line = None if folder is None else self.model.line_of(folder)
        if line is None:
            selection.clear()
        else:
            selection.setCurrentIndex(self.model.index(line), QItemSelectionModel.SelectionFlag.ClearAndSelect)
        selection.blockSignals(was_blocked)
        self.view.viewport().update()

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.run_chosen.emit(self.model.run_at(current.row()).folder)
