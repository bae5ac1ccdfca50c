"""What the router decided about one request: path, fields, validity, limits, and what each stage and token cost."""

from __future__ import annotations

from typing import Any

import orjson
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QProgressBar, QWidget

from arny_studio.contract import Contract
from arny_studio.jobs.events import Decided
from arny_studio.ui.chat.conversation import Exchange
from arny_studio.ui.chat.limits_view import LimitsView
from arny_studio.ui.chat.path_view import PathView
from arny_studio.ui.chat.token_bar import TokenBar
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, rule
from arny_studio.ui.widgets.chip import Chip, Tone
from arny_studio.ui.widgets.decision_view import DecisionView
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import allow, button, label

ACTION_WORDS: dict[str, tuple[str, Tone]] = {
    "answer": ("answered by Tier-1", "success"),
    "clarify": ("asks back", "warning"),
    "execute": ("cloud execution", "accent"),
    "reason": ("answered by Tier-2", "system"),
    "needs_reasoner": ("needs the reasoner", "warning"),
    "router_error": ("router error", "danger"),
    "cancelled": ("stopped", "neutral"),
}
_STAGE_WORDS = {
    "prompt": "Prompt", "prefill": "Router reads", "decode": "Router decides", "load_tier2": "Load Tier-2",
    "reason_prefill": "Tier-2 reads", "reason_decode": "Tier-2 writes", "execute": "Cloud", "confirm": "You confirm",
}  # fmt: skip


class Inspector(Card):
    """Shows one exchange; nothing before there is one."""

    prompt_requested = Signal()
    wrong_requested = Signal()

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__("Router decision")
        self._theme = theme
        self._shown: tuple[object, ...] = ()
        self.validity = Chip()
        self.head.addWidget(self.validity)
        self.path = PathView(theme)
        self.because = label(role="muted", wraps=True)
        self.problems = label(role="danger", wraps=True, selectable=True)
        self._limits: dict[str, tuple[float, float]] = {}
        self.use_contract(contract)
        self.decision = DecisionView(theme, self._limits)
        self.prompt_button = button("Exact prompt…", "quiet")
        self.wrong_button = button("This is wrong…", "quiet")
        self.limits = LimitsView()
        self._tokens, self._stages = _grid(), _grid()
        self._tokens_title = label("Tokens of the decision", "overline")
        self._stages_title = label("Time by stage", "overline")
        self._rows_title = label("Result as it came", "overline")
        self._rows = label(role="code", wraps=True, selectable=True)
        self._nothing = label(
            "Ask something, or pick a message, to see why it went where it went.", "muted", wraps=True
        )
        self._build()
        self.show_exchange(None)

    def use_contract(self, contract: Contract) -> None:
        """Know the fields of another contract that are held against a limit."""
        self._score, self._confidence = contract.roles.score, contract.roles.confidence
        self.show_limits(contract.threshold, contract.confidence_floor)

    def show_limits(self, threshold: int, confidence_floor: float) -> None:
        """The two limits that the shown decision was judged by."""
        self._limits[self._score] = (100.0, float(threshold))
        self._limits[self._confidence] = (1.0, confidence_floor)

    def show_exchange(self, exchange: Exchange | None) -> None:
        """Show what is known of a request so far; what is unchanged stays as it is."""
        decided = exchange.decided if exchange is not None else None
        self._show_way(exchange)
        shown = (exchange.request if exchange else "", decided, exchange.executed if exchange else None,
                 exchange.replied if exchange else None)  # fmt: skip
        if shown == self._shown:
            return
        self._shown = shown
        self._nothing.setVisible(exchange is None)
        self.decision.setVisible(decided is not None and bool(decided.decision or decided.text))
        self.validity.setVisible(decided is not None)
        self.problems.setText("" if decided is None else "\n".join(decided.problems[:5]))
        self.problems.setVisible(bool(decided is not None and decided.problems))
        if decided is not None:
            self.show_limits(decided.threshold, decided.confidence_floor)
            self.validity.show_as(*(("valid", "success") if decided.is_valid else ("invalid", "danger")))
            self.decision.show_decision(decided.decision or {}, decided.text)
        self._show_tokens(decided)
        self._show_rows(exchange)
        self._show_stages(exchange.stages_ms if exchange is not None else {}, exchange)

    def _show_way(self, exchange: Exchange | None) -> None:
        decided = exchange.decided if exchange is not None else None
        has_worked = exchange is not None and any(name.startswith("reason") for name in exchange.stages_ms)
        is_open = exchange is not None and exchange.is_open
        self.path.show_action(exchange.action if exchange else "", uses_tier2=has_worked, is_busy=is_open)
        self.because.setText("" if decided is None else decided.because)
        has_prompt = exchange is not None and exchange.router_prompt is not None
        allow(self.prompt_button, has_prompt, "Ask something first.", tooltip="What the models read, token for token.")
        is_done = decided is not None and exchange is not None and not exchange.is_open
        wrong = "Correct the decision and keep it as a row of a dataset."
        allow(self.wrong_button, is_done, "There is no decision yet.", tooltip=wrong)

    def _build(self) -> None:
        self._rules = [rule() for _ in range(4)]
        acting = row(self.prompt_button, self.wrong_button, 1, gap="xs")
        inside = column(
            self._nothing, self.because, self.problems, self.decision, acting, self._rules[0],
            self._rows_title, self._rows, self._rules[1], self._tokens_title, self._tokens, self._rules[2],
            self._stages_title, self._stages, self._rules[3], self.limits, 1,
        )  # fmt: skip
        inside.setContentsMargins(0, 0, space("s"), 0)
        self.add(self.path)
        self.add(scrolled(holder(inside)), 1)
        self.prompt_button.clicked.connect(self.prompt_requested)
        self.wrong_button.clicked.connect(self.wrong_requested)

    def _show_rows(self, exchange: Exchange | None) -> None:
        executed = exchange.executed if exchange is not None else None
        for part in (self._rules[0], self._rows_title, self._rows):
            part.setVisible(executed is not None)
        if executed is not None:
            self._rows_title.setText(executed.label)
            self._rows.setText("\n".join(orjson.dumps(line).decode() for line in executed.rows))

    def _show_tokens(self, decided: Decided | None) -> None:
        clear(self._tokens)
        is_known = decided is not None and decided.tokens > 0
        for part in (self._rules[1], self._tokens_title):
            part.setVisible(is_known)
        if decided is None or not is_known:
            return
        self._tokens.addWidget(label(_tokens_in_words(decided), "caption", wraps=True), 0, 0, 1, 3)
        most = max((cost.forced + cost.drafted + cost.chosen for cost in decided.fields), default=1)
        for line, cost in enumerate(decided.fields, start=1):
            counts: dict[str, int] = {"forced": cost.forced, "drafted": cost.drafted, "chosen": cost.chosen}
            known = label(milliseconds_in_words(cost.ms), "caption")
            for place, part in enumerate((_name(cost.name), TokenBar(self._theme, counts, most), known)):
                self._tokens.addWidget(part, line, place)
        if not decided.fields:
            whole = {"forced": decided.forced, "chosen": decided.tokens - decided.forced}
            self._tokens.addWidget(TokenBar(self._theme, whole, decided.tokens), 1, 0, 1, 3)

    def _show_stages(self, stages: dict[str, float], exchange: Exchange | None) -> None:
        clear(self._stages)
        for part in (self._rules[2], self._stages_title):
            part.setVisible(bool(stages))
        longest = max(stages.values(), default=1.0) or 1.0
        for line, (name, spent_ms) in enumerate(stages.items()):
            self._stages.addWidget(label(_STAGE_WORDS.get(name, name), "caption"), line, 0)
            self._stages.addWidget(_bar(spent_ms / longest), line, 1)
            self._stages.addWidget(label(milliseconds_in_words(spent_ms), "caption"), line, 2)
        replied = exchange.replied if exchange is not None else None
        if replied is None:
            return
        totals = [("In all, on this computer", replied.ms)]
        if replied.expected_ms is not None:
            totals.append(("Expected on the phone", replied.expected_ms))
        for line, (title, spent_ms) in enumerate(totals, start=len(stages)):
            self._stages.addWidget(label(title, "caption"), line, 0, 1, 2)
            self._stages.addWidget(label(milliseconds_in_words(spent_ms), "lead"), line, 2)


def milliseconds_in_words(spent_ms: float) -> str:
    """`0.4 ms`, `38 ms`, `2.1 s`."""
    if spent_ms < 10:
        return f"{spent_ms:.1f} ms"
    return f"{spent_ms:.0f} ms" if spent_ms < 1000 else f"{spent_ms / 1000:.1f} s"


def action_chip(action: str) -> Chip:
    """The action as a chip."""
    return Chip(*ACTION_WORDS.get(action, (action, "neutral")))


def _tokens_in_words(decided: Decided) -> str:
    parts: list[Any] = [f"{decided.tokens} tokens: {decided.forced} forced by the schema"]
    drafted = sum(cost.drafted for cost in decided.fields)
    if drafted:
        parts.append(f"{drafted} guessed ahead and confirmed")
    parts.append(f"{decided.tokens - decided.forced - drafted} chosen by the model")
    known = f". The way was known after {milliseconds_in_words(decided.known_ms)}" if decided.known_ms else ""
    return ", ".join(parts) + known + "."


def _name(field: str) -> QWidget:
    return label(field.replace("_", " "), "caption")


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(space("m"))
    grid.setVerticalSpacing(space("xs"))
    grid.setColumnStretch(1, 1)
    return grid


def _bar(share: float) -> QWidget:
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setRange(0, 1000)
    bar.setValue(round(1000 * share))
    return holder(row(bar))
