"""The right-hand side: one row, to edit, as it is trained, and its review."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QTabWidget, QToolButton, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.data.review_panel import ReviewPanel
from arny_studio.ui.data.sample_editor import SampleEditor
from arny_studio.ui.data.trained_view import TrainedView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.text import as_tooltip

EDIT, TRAINED, REVIEW = range(3)


class Inspector(Card):
    """Three pages about the selected row. Asks for the rows before and after."""

    step_requested = Signal(int)  # -1: the row before, 1: the row after
    page_changed = Signal(int)

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__("Row")
        self._theme = theme
        self.editor = SampleEditor(theme, contract)
        self.trained = TrainedView(theme)
        self.review = ReviewPanel(theme)
        self.pages = QTabWidget()
        self.pages.setDocumentMode(True)
        for page, title in ((self.editor, "Edit"), (self.trained, "As trained"), (self.review, "Review")):
            self.pages.addTab(_padded(page), title)
        self.head.addWidget(self._step_button("chevron-up", "Row before (K)", -1))
        self.head.addWidget(self._step_button("chevron-down", "Next row (J)", 1))
        self.add(self.pages, 1)
        self.body.setContentsMargins(space("m"), 0, space("s"), space("s"))
        self.pages.currentChanged.connect(self.page_changed)

    def show_place(self, number: int | None) -> None:
        """Which row this is, counted from 1."""
        self.title.setText("No row" if number is None else f"Row {number:,}")

    def show_page(self, page: int) -> None:
        """Bring EDIT, TRAINED or REVIEW to the front."""
        self.pages.setCurrentIndex(page)

    def _step_button(self, icon: str, name: str, step: int) -> QToolButton:
        made = QToolButton()
        made.setAccessibleName(name)
        made.setToolTip(as_tooltip(name))
        made.setProperty("step", step)
        self._theme.dress(made, icon, "text_muted")
        made.clicked.connect(self._on_step_clicked)
        return made

    @Slot()
    def _on_step_clicked(self) -> None:
        sender = self.sender()
        if sender is not None:
            self.step_requested.emit(int(sender.property("step")))


def _padded(page: QWidget) -> QWidget:
    layout = page.layout()
    assert layout is not None
    layout.setContentsMargins(space("xs"), space("m"), 0, 0)
    return page
