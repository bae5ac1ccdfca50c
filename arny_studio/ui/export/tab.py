"""The Export page: earlier exports at the left; at the right the form for a new one, or the export that was picked."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from arny_studio.ui.export.form import ExportForm
from arny_studio.ui.export.run_page import ExportPage
from arny_studio.ui.runs.run_list import RunList
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import PageHead
from arny_studio.ui.widgets.layout import column, holder, scrolled, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import allow, button

_FORM, _RUN = range(2)


class ExportTab(QWidget):
    """Shows what the controller hands it."""

    start_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        none_yet = "No export yet. An export keeps going when this window closes."
        self.runs = RunList(theme, "Exports", "New export", none_yet)
        self.form = ExportForm(theme)
        self.notice = Notice(theme)
        self.run = ExportPage(theme)
        self.start_button = button("Start export", "primary")
        theme.dress(self.start_button, "play", "on_accent")
        head = PageHead("New export", "From adapter to GGUF files that run on a phone.", self.start_button)
        form = column(head, self.notice, gap="l")
        form.addWidget(scrolled(self.form), 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(holder(form))
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

    def show_form(self) -> None:
        """Ask for a new export."""
        self.pages.setCurrentIndex(_FORM)

    def show_run_page(self) -> None:
        """Show the export that was picked."""
        self.pages.setCurrentIndex(_RUN)

    @property
    def is_form_shown(self) -> bool:
        """Whether the form is at the front."""
        return self.pages.currentIndex() == _FORM

    def allow_start(self, reason: str) -> None:
        """Let the user start, or say what is in the way."""
        allow(self.start_button, not reason, reason, tooltip="Start the export in a process of its own.")
