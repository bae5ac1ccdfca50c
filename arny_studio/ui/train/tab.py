"""The Train page: earlier runs at the left; at the right the form for a new one, or the run that was picked."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from arny_studio.ui.runs.run_list import RunList
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.preflight_card import PreflightCard
from arny_studio.ui.train.recipe_form import RecipeForm
from arny_studio.ui.train.run_page import RunPage
from arny_studio.ui.train.sources_form import SourcesForm
from arny_studio.ui.widgets.card import PageHead
from arny_studio.ui.widgets.layout import column, holder, row, scrolled, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import allow, button

_FORM, _RUN = range(2)
_TWO_COLUMNS_FROM_PX = 1060


class TrainTab(QWidget):
    """Shows what the controller hands it."""

    start_requested = Signal()
    command_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        none_yet = "No run yet. A run keeps going when this window closes."
        self.runs = RunList(theme, "Runs", "New run", none_yet)
        self.sources = SourcesForm()
        self.form = RecipeForm(theme)
        self.notice = Notice(theme)
        self.preflight = PreflightCard(theme)
        self.run = RunPage(theme)
        self.start_button = button("Start training", "primary")
        theme.dress(self.start_button, "play", "on_accent")
        self.command_button = button("Copy as command", tooltip="Save the recipe and copy the command that trains it.")
        theme.dress(self.command_button, "copy", "text_muted")
        self.command_button.setIconSize(QSize(16, 16))
        self.pages = QStackedWidget()
        self.pages.addWidget(self._build_form())
        self.pages.addWidget(self.run)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.runs)
        splitter.addWidget(self.pages)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([232, 948])
        splitter.setHandleWidth(space("l"))
        splitter.setChildrenCollapsible(False)
        self.runs.setMinimumWidth(190)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space("xl"), space("l"), space("xl"), space("l"))
        layout.addWidget(splitter)
        self.start_button.clicked.connect(self.start_requested)
        self.command_button.clicked.connect(self.command_requested)

    def show_form(self) -> None:
        """Ask for a new run."""
        self.pages.setCurrentIndex(_FORM)

    def show_run_page(self) -> None:
        """Show the run that was picked."""
        self.pages.setCurrentIndex(_RUN)

    @property
    def is_form_shown(self) -> bool:
        """Whether the form is at the front."""
        return self.pages.currentIndex() == _FORM

    def allow_start(self, reason: str) -> None:
        """Let the user start, or say what is in the way."""
        allow(self.start_button, not reason, reason, tooltip="Start the training in a process of its own.")
        allow(self.command_button, not reason, reason, tooltip="Save the recipe and copy the command that trains it.")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The two parts of the form side by side where there is room, else one under the other."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= _TWO_COLUMNS_FROM_PX
        self._columns.setDirection(QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom)

    def _build_form(self) -> QWidget:
        head = PageHead(
            "New training run", "Fine-tune a LoRA adapter on your data.", self.command_button, self.start_button
        )
        left = column(self.notice, self.sources, self.preflight, 1, gap="m")
        self._columns = columns = row(gap="m")
        columns.addLayout(left, 5)
        columns.addWidget(self.form, 6)
        page = column(head, gap="l")
        page.addWidget(scrolled(holder(columns)), 1)
        return holder(page)
