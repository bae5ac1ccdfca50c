"""What the router decided about one request: path, fields, validity, and the time of each stage."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QProgressBar, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.chat.conversation import Exchange
from arny_studio.ui.chat.path_view import PathView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, rule
from arny_studio.ui.widgets.chip import Chip, Tone
from arny_studio.ui.widgets.decision_view import DecisionView
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import label

ACTION_WORDS: dict[str, tuple[str, Tone]] = {
    "answer": ("answered by Tier-1", "success"),
    "clarify": ("asks back", "warning"),
    "execute": ("cloud execution, simulated", "accent"),
    "reason": ("answered by Tier-2", "system"),
    "needs_reasoner": ("needs the reasoner", "warning"),
    "router_error": ("router error", "danger"),
    "cancelled": ("stopped", "neutral"),
}
_STAGE_WORDS = {
    "prompt": "Prompt", "prefill": "Router reads", "decode": "Router decides", "load_tier2": "Load Tier-2",
    "reason_prefill": "Tier-2 reads", "reason_decode": "Tier-2 writes", "execute": "Cloud sandbox",
}  # fmt: skip


class Inspector(Card):
    """Shows one exchange; nothing before there is one."""

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__("Router decision")
        self.validity = Chip()
        self.head.addWidget(self.validity)
        self.path = PathView(theme)
        self.because = label(role="muted", wraps=True)
        self.problems = label(role="danger", wraps=True, selectable=True)
        self._limits = {contract.roles.score: (100.0, 0.0), contract.roles.confidence: (1.0, 0.0)}
        self._score, self._confidence = contract.roles.score, contract.roles.confidence
        self.show_limits(contract.threshold, contract.confidence_floor)
        self.decision = DecisionView(theme, self._limits)
        self._stages = QGridLayout()
        self._stages.setHorizontalSpacing(space("m"))
        self._stages.setVerticalSpacing(space("xs"))
        self._stages.setColumnStretch(1, 1)
        self._stages_title = label("Time by stage", "overline")
        self._nothing = label(
            "Ask something, or pick a message, to see why it went where it went.", "muted", wraps=True
        )
        self._rule = rule()
        inside = column(
            self._nothing, self.because, self.problems, self.decision, self._rule, self._stages_title, self._stages, 1
        )
        inside.setContentsMargins(0, 0, space("s"), 0)
        self.add(self.path)
        self.add(scrolled(holder(inside)), 1)
        self.show_exchange(None)

    def show_limits(self, threshold: int, confidence_floor: float) -> None:
        """The two limits that the phone routes by."""
        self._limits[self._score] = (100.0, float(threshold))
        self._limits[self._confidence] = (1.0, confidence_floor)

    def show_exchange(self, exchange: Exchange | None) -> None:
        """Show what is known of a request so far."""
        decided = exchange.decided if exchange is not None else None
        is_open = exchange is not None and exchange.is_open
        self._nothing.setVisible(exchange is None)
        self.decision.setVisible(decided is not None and bool(decided.decision or decided.text))
        self.validity.setVisible(decided is not None)
        stages = exchange.stages_ms if exchange is not None else {}
        has_worked = any(name.startswith("reason") for name in stages)
        self.path.show_action(exchange.action if exchange else "", uses_tier2=has_worked, is_busy=is_open)
        self.because.setText("" if decided is None else decided.because)
        self.problems.setText("" if decided is None else "\n".join(decided.problems[:5]))
        self.problems.setVisible(bool(decided is not None and decided.problems))
        if decided is not None:
            self.validity.show_as(*(("valid", "success") if decided.is_valid else ("invalid", "danger")))
            self.decision.show_decision(decided.decision or {}, decided.text)
        self._show_stages(stages, exchange)

    def _show_stages(self, stages: dict[str, float], exchange: Exchange | None) -> None:
        clear(self._stages)
        for part in (self._rule, self._stages_title):
            part.setVisible(bool(stages))
        longest = max(stages.values(), default=1.0) or 1.0
        for line, (name, spent_ms) in enumerate(stages.items()):
            self._stages.addWidget(label(_STAGE_WORDS.get(name, name), "caption"), line, 0)
            self._stages.addWidget(_bar(spent_ms / longest), line, 1)
            self._stages.addWidget(label(milliseconds_in_words(spent_ms), "caption"), line, 2)
        if exchange is not None and exchange.replied is not None:
            whole = label(milliseconds_in_words(exchange.replied.ms), "lead")
            self._stages.addWidget(label("In all", "caption"), len(stages), 0)
            self._stages.addWidget(whole, len(stages), 2)


def milliseconds_in_words(spent_ms: float) -> str:
    """`0.4 ms`, `38 ms`, `2.1 s`."""
    if spent_ms < 10:
        return f"{spent_ms:.1f} ms"
    return f"{spent_ms:.0f} ms" if spent_ms < 1000 else f"{spent_ms / 1000:.1f} s"


def action_chip(action: str) -> Chip:
    """The action as a chip."""
    return Chip(*ACTION_WORDS.get(action, (action, "neutral")))


def _bar(share: float) -> QWidget:
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setRange(0, 1000)
    bar.setValue(round(1000 * share))
    return holder(row(bar))
