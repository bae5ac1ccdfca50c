"""What the model answers to held-out prompts while it trains: the best, the worst and random ones beside the truth."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from arny_studio.jobs.events import Answers, HeldOutAnswer
from arny_studio.jobs.state import RunState
from arny_studio.ui.widgets.chip import Chip, Tone
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import TextRole, breakable, button, label
from arny_studio.ui.wording import count_in_words, percent_in_words

GROUPS = ("worst", "best", "random")
_NONE_YET = "No held-out answers yet. The recipe's “Answer steps” says after how many steps there is a round."
_NEWEST = -1
_MISSING = object()
_TOP = Qt.AlignmentFlag.AlignTop


class AnswersView(QWidget):
    """Shows one round at a time: the newest, unless the reader picked another one."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._rounds: tuple[Answers, ...] = ()
        self._is_due = False  # a round came while the page was hidden
        self.round = Choice("Round of answers")
        self.round.setFixedWidth(200)
        self._about = label(role="caption")
        self._none = label(_NONE_YET, "muted", wraps=True)
        self._list = QVBoxLayout()
        self._list.setSpacing(space("m"))
        self._list.setContentsMargins(0, 0, space("s"), 0)
        self._body = scrolled(holder(self._list))
        self._head = holder(self._build_head())
        self.setLayout(column(self._head, self._none, self._body, gap="m"))
        self._groups.idClicked.connect(self._on_group_clicked)
        self.round.currentIndexChanged.connect(self._on_round_changed)
        self._show_round()

    def show_state(self, state: RunState) -> None:
        """Show the rounds of a run."""
        if state.answers == self._rounds:
            return
        self._rounds = state.answers
        newest = f"Newest: step {self._rounds[-1].step:,}" if self._rounds else ""
        earlier = [(f"Step {one.step:,}", number) for number, one in reversed(list(enumerate(self._rounds[:-1])))]
        blocked = self.round.blockSignals(True)  # the round is shown once, below
        self.round.show_choices([(newest, _NEWEST), *earlier] if self._rounds else [])
        self.round.blockSignals(blocked)
        self._is_due = True
        if self.isVisible():
            self._show_round()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what came while it was hidden."""
        super().showEvent(event)
        if self._is_due:
            self._show_round()

    @property
    def answers(self) -> list[HeldOutAnswer]:
        """The answers on the page."""
        if not self._rounds:
            return []
        chosen = self.round.currentData()
        return getattr(self._rounds[_NEWEST if chosen is None else chosen], self.group)

    @property
    def group(self) -> str:
        """Which answers are shown: one of GROUPS."""
        return GROUPS[self._groups.checkedId()]

    def _build_head(self) -> QHBoxLayout:
        self._groups = QButtonGroup(self)
        switches = row(gap="xs")
        for number, name in enumerate(GROUPS):
            made = button(name.capitalize(), "quiet")
            made.setCheckable(True)
            self._groups.addButton(made, number)
            switches.addWidget(made)
        self._groups.button(0).setChecked(True)
        return row(switches, 1, self._about, self.round, gap="m")

    @Slot(int)
    def _on_group_clicked(self, _number: int) -> None:
        self._show_round()

    @Slot(int)
    def _on_round_changed(self, _line: int) -> None:
        self._show_round()

    def _show_round(self) -> None:
        self._is_due = False
        for part in (self._head, self._body):
            part.setVisible(bool(self._rounds))
        self._none.setVisible(not self._rounds)
        clear(self._list)
        if not self._rounds:
            return
        self._about.setText(f"of {count_in_words(self._rounds[-1].rows, 'held-out prompt')}")
        for answer in self.answers:
            self._list.addWidget(_card(answer))
        self._list.addStretch(1)


def _card(answer: HeldOutAnswer) -> QFrame:
    frame = QFrame()
    frame.setProperty("surface", "sunken")
    tone: Tone = "success" if answer.agreement >= 0.999 else "warning" if answer.agreement >= 0.5 else "danger"
    chips = [Chip(percent_in_words(answer.agreement), tone)]
    chips += [Chip("no JSON", "danger")] if answer.is_json is False else []
    query = label(answer.query, "lead", wraps=True, selectable=True)
    where = label(f"row {answer.row}", "caption")
    head = row(query, *chips, where, gap="s")
    head.setStretch(0, 1)
    layout = column(head, _sides(answer), gap="s")
    layout.setContentsMargins(space("m"), space("m"), space("m"), space("m"))
    frame.setLayout(layout)
    return frame


def _sides(answer: HeldOutAnswer) -> QGridLayout:
    """Truth and answer: field by field where both are JSON objects, else the answer as it came."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(space("l"))
    grid.setVerticalSpacing(space("xs"))
    for title, place in (("Truth", 1), ("Answer", 2)):
        grid.addWidget(label(title, "overline"), 0, place)
        grid.setColumnStretch(place, 1)
    truth, given = _fields(answer.expected), _fields(answer.text)
    names = [*(truth or {}), *(name for name in given or {} if truth is not None and name not in truth)]
    for line, name in enumerate(names, start=1):
        grid.addWidget(label(name.replace("_", " "), "muted"), line, 0, _TOP)
        grid.addWidget(_words(_as_text(truth or {}, name)), line, 1, _TOP)
        if given is not None:
            is_wrong = name in answer.wrong_fields or name not in (truth or {}) or name not in given
            grid.addWidget(_words(_as_text(given, name), "danger" if is_wrong else "body"), line, 2, _TOP)
    if truth is None:
        grid.addWidget(_words(answer.expected), 1, 1, _TOP)
    if truth is None or given is None:
        grid.addWidget(_words(answer.text), 1, 2, max(1, len(names)), 1, _TOP)
    return grid


def _words(text: str, role: TextRole = "body") -> QWidget:
    return label(breakable(text or "(nothing)"), role, wraps=True, selectable=True)


def _fields(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _as_text(values: dict[str, Any], name: str) -> str:
    """A field's value as people read it."""
    match values.get(name, _MISSING):
        case _ as value if value is _MISSING:
            return "missing"
        case None:
            return "none"
        case bool() as value:
            return "yes" if value else "no"
        case list() as parts:
            return ", ".join(str(part) for part in parts) or "none"
        case str() as text:
            return text
        case _ as value:
            return json.dumps(value, ensure_ascii=False)
