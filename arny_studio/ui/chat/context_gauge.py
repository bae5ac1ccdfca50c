"""How full the contexts are after the last request: a bar and a figure per tier."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QLabel, QProgressBar, QWidget

from arny_studio.jobs.events import Prompted
from arny_studio.ui.chat.conversation import Exchange
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.text import label, plain_tooltip, set_property

_FULL_PERCENT = 90


class ContextGauge(QWidget):
    """Hidden before a tier has read anything."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        plain_tooltip(self, "How much of its context the last request took, answer included.")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(space("s"))
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(3, 1)
        self.lines = {1: _Line("Router"), 2: _Line("Reasoner")}
        for number, line in self.lines.items():
            for place, part in enumerate(line.parts):
                grid.addWidget(part, number, place)
        self.show_exchange(None)

    def show_exchange(self, exchange: Exchange | None) -> None:
        """What the last request took: its prompt and what was written."""
        tokens = exchange.replied.tokens if exchange is not None and exchange.replied is not None else {}
        prompts = (exchange.router_prompt, exchange.reasoner_prompt) if exchange is not None else (None, None)
        for tier, (prompted, who) in enumerate(zip(prompts, ("router", "reasoner"), strict=True), start=1):
            self.lines[tier].show_prompt(prompted, tokens.get(f"{who}_written", 0))


class _Line:
    """Name, bar and figure of one tier."""

    def __init__(self, title: str) -> None:
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 100)
        self._bar.setFixedWidth(48)
        self.words: QLabel = label("", "caption")
        self.parts: tuple[QWidget, ...] = (label(title, "caption"), self._bar, self.words)

    def show_prompt(self, prompted: Prompted | None, written: int) -> None:
        """Show what a request took of the context; hidden where the tier read nothing."""
        for part in self.parts:
            part.setVisible(prompted is not None)
        if prompted is None:
            return
        held = prompted.tokens + written
        percent = min(100, round(100 * held / prompted.context))
        self._bar.setValue(percent)
        set_property(self._bar, "state", "failed" if percent >= _FULL_PERCENT else "")
        self.words.setText(f"{held:,} of {prompted.context:,}")
