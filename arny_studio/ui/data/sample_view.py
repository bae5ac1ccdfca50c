"""The selected sample as a conversation, with its decision and its problems."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.dataset.samples import Message, RowProblem, Sample
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.bubble import Bubble
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.decision_view import DecisionView
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import button, label
from arny_studio.ui.wording import count_in_words

_MOST_TURNS = 60
_MOST_PROBLEMS = 20
_PROMPT_CHARACTERS = 120


class SampleView(Card):
    """Shows one row: bubbles, decision, problems. Asks for the rows before and after."""

    step_requested = Signal(int)  # -1: the row before, 1: the row after

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__("Sample")
        self._theme = theme
        self._limits = {
            contract.roles.score: (100.0, float(contract.threshold)),
            contract.roles.confidence: (1.0, contract.confidence_floor),
        }
        self._place_chips = row(gap="xs")
        self.head.addWidget(self._step_button("chevron-up", "Row before", -1))
        self.head.addWidget(self._step_button("chevron-down", "Row after", 1))
        self._turns = QVBoxLayout()
        self._turns.setSpacing(space("m"))
        conversation = column(self._turns, 1, gap="s")
        conversation.setContentsMargins(0, 0, space("s"), 0)
        self.scroll_area = scrolled(holder(conversation))
        self.add(holder(self._place_chips))
        self.add(self.scroll_area, 1)
        self.show_nothing()

    def show_nothing(self) -> None:
        """No row is selected."""
        self._begin()
        self._turns.addWidget(label("Select a row to read its conversation.", "muted"))

    def show_row(self, number: int, sample: Sample | RowProblem, problems: Sequence[RowProblem], raw: bytes) -> None:
        """Show a row by its number, counted from 1; an unreadable one as its bytes."""
        self._begin()
        self.title.setText(f"Row {number:,}")
        for problem in problems[:_MOST_PROBLEMS]:
            self._turns.addWidget(problem_line(problem))
        if len(problems) > _MOST_PROBLEMS:
            more = len(problems) - _MOST_PROBLEMS
            self._turns.addWidget(label(f"and {count_in_words(more, 'more problem')}", "muted"))
        if isinstance(sample, RowProblem):
            self._turns.addWidget(Bubble("raw", raw.decode("utf-8", "replace"), name="As it stands", is_code=True))
            return
        self._show_place(sample)
        for turn in sample.messages[:_MOST_TURNS]:
            self._turns.addWidget(self._bubble(turn))
        if len(sample.messages) > _MOST_TURNS:
            hidden = len(sample.messages) - _MOST_TURNS
            self._turns.addWidget(label(f"{count_in_words(hidden, 'more turn')} not shown.", "muted"))

    def _begin(self) -> None:
        clear(self._turns)
        clear(self._place_chips)
        self.scroll_area.verticalScrollBar().setValue(0)

    def _show_place(self, sample: Sample) -> None:
        self._place_chips.addWidget(Chip(sample.id))
        meta = sample.value.get("meta")
        if isinstance(meta, dict):
            said = [str(meta[key]) for key in ("split", "situation", "topic") if isinstance(meta.get(key), str)]
            for text in said:
                self._place_chips.addWidget(Chip(text))
        self._place_chips.addStretch(1)

    def _bubble(self, turn: Message) -> QWidget:
        if turn.role == "system":
            return SystemBubble(turn.content)
        decision = Sample(line=0, id="", messages=(turn,), value={}).decision() if turn.role == "assistant" else None
        if decision is None:
            return Bubble(turn.role, turn.content)
        bubble = Bubble(turn.role, "", name="Decision", is_wide=True)
        view = DecisionView(self._theme, self._limits)
        view.show_decision(decision, turn.content)
        bubble.body.addWidget(view)
        return bubble

    def _step_button(self, icon: str, name: str, step: int) -> QToolButton:
        made = QToolButton()
        made.setAccessibleName(name)
        made.setToolTip(name)
        self._theme.dress(made, icon, "text_muted")
        made.clicked.connect(lambda: self.step_requested.emit(step))
        return made


class SystemBubble(Bubble):
    """The system prompt, folded to its first line: it is long and the same in most rows."""

    def __init__(self, prompt: str) -> None:
        super().__init__("system", "")
        self._prompt = prompt
        first = " ".join(prompt[: 2 * _PROMPT_CHARACTERS].split())[:_PROMPT_CHARACTERS]
        self._folded = first if first == prompt else f"{first}…"
        self.set_text(self._folded)
        if self._folded != prompt:
            self._fold = button("Show all", "quiet")
            self._fold.clicked.connect(self._on_fold_clicked)
            self.head.addWidget(self._fold)

    @Slot()
    def _on_fold_clicked(self) -> None:
        is_folded = self.text == self._folded
        self.set_text(self._prompt if is_folded else self._folded)
        self._fold.setText("Show less" if is_folded else "Show all")


def problem_line(problem: RowProblem) -> QWidget:
    """One problem: severity, place and sentence."""
    chip = Chip(problem.severity, "danger" if problem.severity == "error" else "warning")
    place = "" if problem.path == "$" else f"{problem.path}  "
    column_words = f" (column {problem.column:,})" if problem.column else ""
    return holder(row(chip, label(f"{place}{problem.sentence}{column_words}", wraps=True, selectable=True), gap="s"))
