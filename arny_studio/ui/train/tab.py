"""The Train page: runs and queue at the left; at the right a new run, the run that was picked, several, or the models."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from arny_studio.ui.runs.run_list import RunList
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.compare_page import ComparePage
from arny_studio.ui.train.form_page import FormPage
from arny_studio.ui.train.models_page import ModelsPage
from arny_studio.ui.train.queue_panel import QueuePanel
from arny_studio.ui.train.run_page import RunPage
from arny_studio.ui.widgets.layout import column, holder, space
from arny_studio.ui.widgets.text import button

_NONE_YET = "No run yet. A run keeps going when this window closes."


class TrainTab(QWidget):
    """Shows what the controllers hand it."""

    compare_requested = Signal()
    models_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.runs = RunList(theme, "Runs", "New run", _NONE_YET, several=True)
        self.compare_button = button("Compare", tooltip="Overlay runs; select them with Ctrl or Shift.")
        self.models_button = button(
            "Models", tooltip="The bases, adapters and GGUFs there are, and the way to get more."
        )
        self.runs.tools.addWidget(self.compare_button)
        self.runs.tools.addWidget(self.models_button)
        self.queue = QueuePanel(theme)
        self.new = FormPage(theme)
        self.run = RunPage(theme)
        self.compare = ComparePage(theme)
        self.models = ModelsPage(theme)
        self.pages = QStackedWidget()
        for page in (self.new, self.run, self.compare, self.models):
            self.pages.addWidget(page)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        left = column(self.runs, self.queue, gap="m")
        left.setStretch(0, 1)
        side = holder(left)
        side.setMinimumWidth(190)
        splitter.addWidget(side)
        splitter.addWidget(self.pages)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([232, 948])
        splitter.setHandleWidth(space("l"))
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space("xl"), space("l"), space("xl"), space("l"))
        layout.addWidget(splitter)
        self.compare_button.clicked.connect(self.compare_requested)
        self.models_button.clicked.connect(self.models_requested)

    def show_form(self) -> None:
        """Ask for a new run."""
        self.pages.setCurrentWidget(self.new)

    def show_run_page(self) -> None:
        """Show the run that was picked."""
        self.pages.setCurrentWidget(self.run)

    def show_comparison(self) -> None:
        """Show several runs at once."""
        self.pages.setCurrentWidget(self.compare)

    def show_models(self) -> None:
        """Show the library of models."""
        self.pages.setCurrentWidget(self.models)

    @property
    def is_form_shown(self) -> bool:
        """Whether the form is at the front."""
        return self.pages.currentWidget() is self.new
