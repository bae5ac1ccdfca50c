"""The page of a new training: what to train, with which settings, and what it would do."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QMenu, QWidget

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.engine_card import EngineCard
from arny_studio.ui.train.preflight_card import PreflightCard
from arny_studio.ui.train.recipe_form import RecipeForm
from arny_studio.ui.train.sources_form import SourcesForm
from arny_studio.ui.widgets.card import PageHead
from arny_studio.ui.widgets.layout import column, holder, row, scrolled
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import allow, button

_TWO_COLUMNS_FROM_PX = 820
_START_TIP = "Start the training in a process of its own; it goes on when this window closes."
_QUEUE_TIP = "Train it after those that are queued already, also overnight and without this window."


class FormPage(QWidget):
    """Shows what the controller hands it; says what the user wants."""

    start_requested = Signal()
    queue_requested = Signal()
    command_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.sources = SourcesForm()
        self.form = RecipeForm(theme)
        self.notice = Notice(theme)
        self.preflight = PreflightCard(theme)
        self.engine = EngineCard(theme)
        self.start_button = button("Start training", "primary")
        self.queue_button = button("Add to queue")
        self.more_button = button("More")
        self.more_button.setProperty("has_menu", "true")
        self.menu = QMenu(self.more_button)
        self.menu.addAction("Copy as command", self.command_requested.emit)
        self.more_button.setMenu(self.menu)
        theme.dress(self.start_button, "play", "on_accent")
        theme.dress(self.queue_button, "clock", "text_muted")
        self.queue_button.setIconSize(QSize(16, 16))
        head = PageHead(
            "New training run", "Fine-tune a LoRA adapter on your data.", self.more_button, self.queue_button,
            self.start_button,
        )  # fmt: skip
        left = column(self.notice, self.sources, self.engine, self.preflight, 1, gap="m")
        self._columns = columns = row(gap="m")
        columns.addLayout(left, 1)
        columns.addLayout(column(self.form, 1), 1)
        page = column(head, gap="l")
        page.addWidget(scrolled(holder(columns)), 1)
        self.setLayout(page)
        self.start_button.clicked.connect(self.start_requested)
        self.queue_button.clicked.connect(self.queue_requested)

    def allow_start(self, reason: str) -> None:
        """Let the user start, or say what is in the way."""
        allow(self.start_button, not reason, reason, tooltip=_START_TIP)
        allow(self.queue_button, not reason, reason, tooltip=_QUEUE_TIP)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The two parts side by side where there is room, else one under the other."""
        super().resizeEvent(event)
        is_wide = event.size().width() >= _TWO_COLUMNS_FROM_PX
        self._columns.setDirection(QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom)
