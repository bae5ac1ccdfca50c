"""The exact prompts of a request, as the models read them."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QTabWidget, QWidget

from arny_studio.jobs.events import Prompted
from arny_studio.ui.chat.conversation import Exchange
from arny_studio.ui.widgets.layout import column, holder, row
from arny_studio.ui.widgets.text import button, elided, label

_NAMES = {1: "Tier-1 router", 2: "Tier-2 reasoner"}


class PromptDialog(QDialog):
    """One page per tier that was asked; text that can be copied, control tokens spelt out."""

    def __init__(self, exchange: Exchange, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Exact prompt")
        self.resize(760, 560)
        self.pages = QTabWidget()
        for prompted in (exchange.router_prompt, exchange.reasoner_prompt):
            if prompted is not None:
                self.pages.addTab(_page(prompted), _NAMES[prompted.tier])
        copy, close = button("Copy"), button("Close", "primary")
        self.setLayout(column(self.pages, row(copy, 1, close), gap="m", margin="l"))
        copy.clicked.connect(self._on_copy_clicked)
        close.clicked.connect(self.accept)

    @property
    def text(self) -> str:
        """The prompt in front."""
        page = self.pages.currentWidget()
        found = page.findChild(QPlainTextEdit) if page is not None else None
        return found.toPlainText() if found is not None else ""

    @Slot()
    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.text)


def _page(prompted: Prompted) -> QWidget:
    text = QPlainTextEdit(elided(prompted.text))
    text.setReadOnly(True)
    text.setProperty("role", "code")
    text.setAccessibleName(f"Prompt of the {_NAMES[prompted.tier]}")
    share = 100 * prompted.tokens / prompted.context
    said = f"{prompted.tokens:,} of {prompted.context:,} tokens of the context, {share:.0f} %"
    return holder(column(label(said, "muted"), text, gap="s", margin="s"))
