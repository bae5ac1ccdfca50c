"""One turn of the conversation to edit: a bubble with its role, its text or its decision, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.dataset.samples import ROLES, Message
from arny_studio.ui.data.decision_editor import DecisionEditor
from arny_studio.ui.data.inline_problem import InlineProblem, ShownProblem
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.growing_text import GrowingText
from arny_studio.ui.widgets.layout import clear, column, row, space
from arny_studio.ui.widgets.text import as_tooltip, label, set_property

_NAMES = {"user": "User", "assistant": "Assistant", "system": "System"}
_TONES = {"user": "accent", "assistant": "success", "system": "system"}
_FOLDED_LINES = 3


class TurnCard(QWidget):
    """A turn. All signals come from the user; the controller changes the document, which is then shown again."""

    content_edited = Signal(str)
    role_chosen = Signal(str)
    add_requested = Signal()
    move_requested = Signal(int)  # places, -1 or 1
    split_requested = Signal(int)  # at a character
    delete_requested = Signal()
    fix_requested = Signal(object)  # ShownProblem

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._contract = contract
        self._turn = Message("user", "")
        self.decision: DecisionEditor | None = None
        self.frame = QFrame()
        self.frame.setProperty("surface", "bubble")
        self.text = GrowingText("Text of the turn")
        self.text.setProperty("look", "bare")
        self._length = label(role="caption")
        self._build_role()
        self._build_menu()
        head = row(self.role_button, 1, self._length, self.menu_button, gap="xs")
        self._problems = QVBoxLayout()
        self._problems.setSpacing(space("xs"))
        self._body = column(head, self.text, self._problems, gap="xs")
        self._body.setContentsMargins(space("m"), space("s"), space("s"), space("m"))
        self.frame.setLayout(self._body)
        self._outer = QHBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.addWidget(self.frame, 1)
        self.text.edited.connect(self.content_edited)

    @property
    def turn(self) -> Message:
        """What is shown."""
        return self._turn

    def show_turn(self, turn: Message, problems: Sequence[ShownProblem], *, is_new_row: bool) -> None:
        """Show a turn. Within a row an answer keeps its kind of editor while somebody types in it."""
        self._turn = turn
        self._show_role(turn.role)
        is_decision = turn.role == "assistant" and turn.content.lstrip().startswith("{")
        if is_new_row or not self._has_focus():
            self._show_kind(is_decision)
        if self.decision is not None and self.decision.isVisibleTo(self):
            own = [problem for problem in problems if problem.field or problem.sentence.startswith("This is not JSON")]
            self.decision.show_text(turn.content, own)
            self._show_problems([problem for problem in problems if problem not in own])
            return
        self.text.show_text(turn.content)
        self._show_problems(problems)

    def start_editing(self) -> None:
        """Put the keyboard into the turn."""
        if self.decision is not None and self.decision.isVisibleTo(self):
            self.decision.focus_first()
        else:
            self.text.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def split_here(self) -> None:
        """Ask for a split at the cursor."""
        self.split_requested.emit(self._cursor_character())

    def _build_role(self) -> None:
        self.role_button = QToolButton()
        self.role_button.setProperty("look", "role")
        self.role_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.role_button.setToolTip(as_tooltip("Change who speaks"))
        menu = QMenu(self.role_button)
        for role in ROLES:
            action = QAction(_NAMES[role], menu)
            action.triggered.connect(partial(self._on_role_chosen, role))
            menu.addAction(action)
        self.role_button.setMenu(menu)

    def _build_menu(self) -> None:
        self.menu_button = QToolButton()
        self.menu_button.setAccessibleName("Change this turn")
        self.menu_button.setToolTip(as_tooltip("Add, move, split or delete"))
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._theme.dress(self.menu_button, "more", "text_muted")
        menu = QMenu(self.menu_button)
        for title, slot in (
            ("Add a turn below", self.add_requested.emit),
            ("Split at the cursor", self.split_here),
            ("Move up", partial(self.move_requested.emit, -1)),
            ("Move down", partial(self.move_requested.emit, 1)),
            ("Delete this turn", self.delete_requested.emit),
        ):
            action = QAction(title, menu)
            action.triggered.connect(_without_arguments(slot))
            menu.addAction(action)
        self.menu_button.setMenu(menu)

    def _on_role_chosen(self, role: str, *_: object) -> None:
        if role != self._turn.role:
            self.role_chosen.emit(role)

    def _show_role(self, role: str) -> None:
        name = _NAMES.get(role, role[:40] or "no role")
        self.role_button.setText(name)
        self.role_button.setAccessibleName(f"Role: {name}")
        set_property(self.role_button, "tone", _TONES.get(role, "danger"))
        set_property(self.frame, "role", role)
        inset = space("xl")
        self._outer.setContentsMargins(inset if role == "user" else 0, 0, 0, 0)
        self._length.setText("")

    def use_contract(self, contract: Contract) -> None:
        """Make the form from another contract, the next time a decision is shown."""
        self._contract = contract
        if self.decision is not None:
            self._body.removeWidget(self.decision)
            self.decision.hide()
            self.decision.deleteLater()
            self.decision = None

    def prepare_decision(self) -> DecisionEditor:
        """Make the editor of a decision, which is shown once the turn is one."""
        if self.decision is None:
            self.decision = DecisionEditor(self._theme, self._contract)
            self.decision.edited.connect(self.content_edited)
            self.decision.fix_requested.connect(self.fix_requested)
            self.decision.hide()
            self._body.insertWidget(1, self.decision)
        return self.decision

    def _show_kind(self, is_decision: bool) -> None:
        if is_decision:
            self.prepare_decision().show()
        elif self.decision is not None:
            self.decision.hide()
        self.text.setVisible(not is_decision)

    def _show_problems(self, problems: Sequence[ShownProblem]) -> None:
        clear(self._problems)
        for problem in problems:
            shown = InlineProblem(problem)
            shown.fix_requested.connect(self.fix_requested)
            self._problems.addWidget(shown)

    def _has_focus(self) -> bool:
        focused = self.window().focusWidget() if self.window() is not None else None
        return focused is not None and self.isAncestorOf(focused)

    def _cursor_character(self) -> int:
        """The cursor in characters; Qt counts UTF-16 units."""
        edit = self.text
        if self.decision is not None and self.decision.isVisibleTo(self):
            edit = self.decision.json
        units = edit.textCursor().position()
        return len(edit.text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))


def _without_arguments(slot: object) -> object:
    def call(*_: object) -> None:
        slot()  # pyright: ignore[reportCallIssue]

    return call


def holds(card: QWidget, widget: QWidget | None) -> bool:
    """Whether a widget lies in a card."""
    return widget is not None and (card is widget or card.isAncestorOf(widget))
