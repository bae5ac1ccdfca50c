"""The selected row to edit: its conversation as bubbles, or its raw text where it is no conversation."""

from __future__ import annotations

from functools import partial

from msgspec import Struct
from PySide6.QtCore import QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.dataset.samples import Message
from arny_studio.ui.data.inline_problem import InlineProblem, ShownProblem
from arny_studio.ui.data.turn_card import TurnCard, holds
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.growing_text import GrowingText
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import button, label
from arny_studio.ui.wording import count_in_words

MOST_TURNS = 60
_USUAL_TURNS = 3  # system, user, assistant
_EDITED_AS_TEXT = "This line is edited as text, since it is no conversation yet."
_ONLY_SHOWN = "This line is only shown ({}); saving leaves its bytes as they are."


class ShownRow(Struct, frozen=True, kw_only=True):
    """A row as the editor shows it. `raw` is filled where there are no turns to show; `why_locked` where none may edit."""

    key: int
    row: int
    chips: tuple[str, ...] = ()
    turns: tuple[Message, ...] = ()
    raw: str | None = None
    problems: tuple[ShownProblem, ...] = ()
    why_locked: str = ""


class SampleEditor(QWidget):
    """Shows one row and says every wish to change it. Turns count from 0."""

    content_edited = Signal(int, str)
    role_chosen = Signal(int, str)
    turn_add_requested = Signal(int)  # the new turn's number
    turn_move_requested = Signal(int, int)  # turn, places
    turn_split_requested = Signal(int, int)  # turn, character
    turn_delete_requested = Signal(int)
    raw_edited = Signal(str)
    fix_requested = Signal(object)  # ShownProblem
    left = Signal()  # Escape: back to the table

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._contract = contract
        self._shown: ShownRow | None = None
        self._cards: list[TurnCard] = []
        self._build()
        self._prepare()
        self.show_nothing()

    @property
    def cards(self) -> list[TurnCard]:
        """The turns that are shown, in order."""
        return self._cards[: len(self._shown.turns) if self._shown is not None else 0]

    @property
    def shown(self) -> ShownRow | None:
        """What is shown."""
        return self._shown

    def use_contract(self, contract: Contract) -> None:
        """Make forms from another contract; nothing happens where it is the same."""
        if contract is self._contract:
            return
        self._contract = contract
        self._shown = None
        for card in self._cards:
            card.use_contract(contract)

    def show_nothing(self, sentence: str = "Select a row to read and edit it.") -> None:
        """No row is selected."""
        self._shown = None
        self._nothing.setText(sentence)
        self._nothing.show()
        self.scroll_area.hide()

    def show_row(self, shown: ShownRow) -> None:
        """Show a row; the same row again keeps cursor, focus and scroll position."""
        is_new = self._shown is None or self._shown.key != shown.key
        self._shown = shown
        self._nothing.hide()
        self.scroll_area.show()
        self._show_chips(shown)
        self._show_general(shown)
        self._show_turns(shown, is_new)
        self._show_raw(shown)
        self._page.setEnabled(not shown.why_locked)
        if is_new:
            self.scroll_area.verticalScrollBar().setValue(0)

    def start_editing(self) -> None:
        """Put the keyboard into the answer, which is what a curator mends most."""
        cards = self.cards
        answers = [card for card in cards if card.turn.role == "assistant"]
        if answers or cards:
            (answers or cards)[-1].start_editing()
        elif self._raw.isVisibleTo(self):
            self._raw.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def focused_turn(self) -> int | None:
        """The turn that has the keyboard."""
        focused = self.window().focusWidget()
        return next((number for number, card in enumerate(self.cards) if holds(card, focused)), None)

    def event(self, event: QEvent) -> bool:
        """Letters typed in here are text or choices, never the review's single-key shortcuts; Escape leaves."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_letter(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back to the table."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)

    def _build(self) -> None:
        self._chips = row(gap="xs")
        self._general = QVBoxLayout()
        self._general.setSpacing(space("xs"))
        self._turns = QVBoxLayout()
        self._turns.setSpacing(space("m"))
        self._more = label(role="muted")
        self._raw = GrowingText("Text of the line", is_code=True, least_lines=4)
        self._raw_note = label(role="caption", wraps=True)
        self._add = button("Add a turn", "quiet")
        self._theme.dress(self._add, "plus", "accent_text")
        self._nothing = label(role="muted", wraps=True)
        conversation = column(
            self._chips,
            self._general,
            self._turns,
            self._more,
            self._raw_note,
            self._raw,
            row(self._add, 1),
            1,
            gap="m",
        )
        conversation.setContentsMargins(0, 0, space("s"), space("m"))
        self._page = holder(conversation)
        self.scroll_area = scrolled(self._page)
        layout = column(self._nothing, gap="s")
        layout.addWidget(self.scroll_area, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        self._raw.edited.connect(self.raw_edited)
        self._add.clicked.connect(self._on_add_clicked)

    def _prepare(self) -> None:
        """Make the widgets of a usual row ahead: the first row of a file must not wait for them."""
        for _ in range(_USUAL_TURNS):
            self._add_card()
        QTimer.singleShot(0, self, self._cards[-1].prepare_decision().prepare)

    def _show_chips(self, shown: ShownRow) -> None:
        clear(self._chips)
        for text in shown.chips:
            self._chips.addWidget(Chip(text))
        if shown.why_locked:
            self._chips.addWidget(Chip(shown.why_locked, "warning"))
        self._chips.addStretch(1)

    def _show_general(self, shown: ShownRow) -> None:
        clear(self._general)
        for problem in shown.problems:
            if problem.turn is None or problem.turn >= len(shown.turns):
                made = InlineProblem(problem)
                made.fix_requested.connect(self.fix_requested)
                self._general.addWidget(made)

    def _show_turns(self, shown: ShownRow, is_new: bool) -> None:
        turns = shown.turns[:MOST_TURNS]
        while len(self._cards) < len(turns):
            self._add_card()
        for number, card in enumerate(self._cards):
            card.setVisible(number < len(turns))
            if number < len(turns):
                own = [problem for problem in shown.problems if problem.turn == number]
                card.show_turn(turns[number], own, is_new_row=is_new)
        hidden = len(shown.turns) - len(turns)
        self._more.setText(f"{count_in_words(hidden, 'more turn')} not shown." if hidden else "")
        self._more.setVisible(hidden > 0)

    def _show_raw(self, shown: ShownRow) -> None:
        is_raw = shown.raw is not None
        self._raw.setVisible(is_raw)
        self._raw_note.setVisible(is_raw)
        self._raw_note.setText(_ONLY_SHOWN.format(shown.why_locked) if shown.why_locked else _EDITED_AS_TEXT)
        self._add.setVisible(not is_raw)
        if shown.raw is not None:
            self._raw.show_text(shown.raw)

    def _add_card(self) -> None:
        number = len(self._cards)
        card = TurnCard(self._theme, self._contract)
        card.content_edited.connect(partial(self.content_edited.emit, number))
        card.role_chosen.connect(partial(self.role_chosen.emit, number))
        card.add_requested.connect(partial(self.turn_add_requested.emit, number + 1))
        card.move_requested.connect(partial(self.turn_move_requested.emit, number))
        card.split_requested.connect(partial(self.turn_split_requested.emit, number))
        card.delete_requested.connect(partial(self.turn_delete_requested.emit, number))
        card.fix_requested.connect(self.fix_requested)
        self._cards.append(card)
        self._turns.addWidget(card)

    @Slot()
    def _on_add_clicked(self) -> None:
        self.turn_add_requested.emit(len(self.cards))


def _is_letter(event: QKeyEvent) -> bool:
    is_plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
    return is_plain and Qt.Key.Key_A <= event.key() <= Qt.Key.Key_Z
