"""Edits of the selected row: every wish of the editor becomes a named change of the document, which can be undone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import orjson
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from arny_studio.dataset import turns
from arny_studio.dataset.edits import Change, Edit, InsertRow, RemoveRow, SetRow
from arny_studio.dataset.undo import Touched
from arny_studio.errors import ArnyError
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.open_document import GoTo, OpenDocument
from arny_studio.ui.data.sample_editor import SampleEditor
from arny_studio.ui.wording import count_in_words

_TYPING_PAUSE_S = 2.0  # after a longer pause typing begins a new undo step
_CHECK_DELAY_MS = 60


class Editing(QObject):
    """Between the editor, the desk and the document in front."""

    failed = Signal(object)  # ArnyError
    said = Signal(str)  # what was done, for the line below the table
    go_requested = Signal(int)  # a key
    fix_previewed = Signal(object, object)  # kind id, (before, after) bytes

    def __init__(self, editor: SampleEditor, desk: Desk) -> None:
        super().__init__(editor)
        self._editor = editor
        self._desk = desk
        self._last_edit_s = 0.0
        self._is_stepping = False
        self._refresh = QTimer(self, singleShot=True, interval=_CHECK_DELAY_MS)
        self._refresh.timeout.connect(self._show_current)
        editor.content_edited.connect(self._on_content_edited)
        editor.role_chosen.connect(self._on_role_chosen)
        editor.turn_add_requested.connect(self._on_turn_add_requested)
        editor.turn_move_requested.connect(self._on_turn_move_requested)
        editor.turn_split_requested.connect(self._on_turn_split_requested)
        editor.turn_delete_requested.connect(self._on_turn_delete_requested)
        editor.raw_edited.connect(self._on_raw_edited)
        editor.fix_requested.connect(self._on_fix_requested)
        desk.key_changed.connect(self._show_current)
        desk.current_changed.connect(self._show_current)
        desk.state_changed.connect(self._refresh.start)
        desk.columns_changed.connect(self._refresh.start)
        desk.touched.connect(self._on_touched)

    @property
    def document(self) -> OpenDocument | None:
        """The document in front."""
        return self._desk.current

    def undo(self) -> None:
        """Take the last step back, and show where it was."""
        self._step_back(lambda opened: opened.document.undo(), "Undone")

    def redo(self) -> None:
        """Do again what was taken back."""
        self._step_back(lambda opened: opened.document.redo(), "Done again")

    def apply(self, title: str, edits: tuple[Edit, ...], *, join: bool = False) -> np.ndarray | None:
        """Make a change; keys of inserted rows, or None where it was refused (and said)."""
        opened = self._desk.current
        if opened is None:
            return None
        if opened.document.is_read_only or opened.is_saving:
            self.said.emit(
                "This file is read only here." if opened.document.is_read_only else "Wait until it is saved."
            )
            return None
        try:
            return opened.document.apply(Change(title, edits), join=join)
        except ArnyError as error:
            self.failed.emit(error)
            self._show_current()
            return None

    def insert_row(self) -> None:
        """A new conversation below the selected row, ready to be typed."""
        opened = self._desk.current
        if opened is None:
            return
        messages = [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}]
        prompt = _system_prompt(opened)
        if prompt:
            messages.insert(0, {"role": "system", "content": prompt})
        self._insert("Add a row", orjson.dumps({"messages": messages}))

    def duplicate_row(self) -> None:
        """A copy of the selected row below it."""
        key = self._key()
        if key is not None and self._desk.current is not None:
            self._insert("Duplicate the row", self._desk.current.document.raw_of(key))

    def delete_rows(self, keys: list[int]) -> None:
        """Remove rows; the one below comes next."""
        if not keys:
            return
        title = f"Delete {count_in_words(len(keys), 'row')}"
        if self.apply(title, tuple(RemoveRow(key) for key in keys)) is not None:
            self.said.emit(f"{title}. Ctrl+Z brings it back.")

    def add_turn(self) -> None:
        """A turn below the one that has the keyboard, else at the end."""
        turn = self._editor.focused_turn()
        self._on_turn_add_requested(len(self._editor.cards) if turn is None else turn + 1)

    def delete_turn(self) -> None:
        """Delete the turn that has the keyboard."""
        turn = self._editor.focused_turn()
        if turn is not None:
            self._on_turn_delete_requested(turn)

    def move_turn(self, places: int) -> None:
        """Move the turn that has the keyboard."""
        turn = self._editor.focused_turn()
        if turn is not None:
            self._on_turn_move_requested(turn, places)

    def split_turn(self) -> None:
        """Cut the turn that has the keyboard at the cursor."""
        turn = self._editor.focused_turn()
        if turn is not None:
            self._editor.cards[turn].split_here()

    def _insert(self, title: str, raw: bytes) -> None:
        key = self._key()
        keys = self.apply(title, (InsertRow(-1 if key is None else key, raw),))
        if keys is not None and len(keys):
            self.go_requested.emit(int(keys[0]))
            self._editor.start_editing()

    def _step_back(self, step: Callable[[OpenDocument], str | None], done: str) -> None:
        opened = self._desk.current
        if opened is None or opened.document.is_read_only:
            return
        self._last_edit_s, self._is_stepping = 0.0, True
        try:
            title = step(opened)
        except ArnyError as error:
            self.failed.emit(error)
            return
        finally:
            self._is_stepping = False
        self.said.emit(f"{done}: {title[0].lower()}{title[1:]}." if title else "There is nothing left to take back.")

    @Slot(object)
    def _on_touched(self, touched: Touched) -> None:
        """Bring the one row that an undo or redo changed into view."""
        if self._is_stepping and len(touched.keys) == 1:
            self.go_requested.emit(int(touched.keys[0]))
        self._show_current()

    @Slot()
    def _show_current(self) -> None:
        self._refresh.stop()
        key, opened = self._key(), self._desk.current
        if opened is None or key is None or opened.document.row_of(key) < 0:
            self._editor.show_nothing()
            return
        self._editor.use_contract(opened.contract)
        self._editor.show_row(opened.shown_row(key))

    def _key(self) -> int | None:
        return self._desk.current.current_key if self._desk.current is not None else None

    def _change_row(self, title: str, change: Callable[[bytes], bytes], *, is_typing: bool = False) -> None:
        """Set the selected row to what `change` makes of it; typing goes on with the step before."""
        opened, key = self._desk.current, self._key()
        if opened is None or key is None:
            return
        before = opened.document.raw_of(key)
        try:
            after = change(before)
        except ArnyError as error:
            self.failed.emit(error)
            return
        if after == before:
            return
        now_s = time.monotonic()
        if now_s - self._last_edit_s >= _TYPING_PAUSE_S:
            opened.document.pause_typing()
        self._last_edit_s = now_s
        row = opened.document.row_of(key) + 1
        self.apply(f"{title} of row {row:,}", (SetRow(key, after),), join=is_typing)

    @Slot(int, str)
    def _on_content_edited(self, turn: int, text: str) -> None:
        self._change_row(f"Edit turn {turn + 1}", lambda raw: turns.with_content(raw, turn, text), is_typing=True)

    @Slot(int, str)
    def _on_role_chosen(self, turn: int, role: str) -> None:
        self._change_row(f"Change the role of turn {turn + 1}", lambda raw: turns.with_role(raw, turn, role))

    @Slot(int)
    def _on_turn_add_requested(self, turn: int) -> None:
        cards = self._editor.cards
        role = "assistant" if 0 < turn <= len(cards) and cards[turn - 1].turn.role == "user" else "user"
        self._change_row(f"Add turn {turn + 1}", lambda raw: turns.with_turn_added(raw, turn, role))
        self._focus_turn(turn)

    @Slot(int, int)
    def _on_turn_move_requested(self, turn: int, places: int) -> None:
        place = turn + places
        if 0 <= place < len(self._editor.cards):
            self._change_row(f"Move turn {turn + 1}", lambda raw: turns.with_turn_moved(raw, turn, place))
            self._focus_turn(place)

    @Slot(int, int)
    def _on_turn_split_requested(self, turn: int, at: int) -> None:
        self._change_row(f"Split turn {turn + 1}", lambda raw: turns.with_turn_split(raw, turn, at))
        self._focus_turn(turn + 1)

    @Slot(int)
    def _on_turn_delete_requested(self, turn: int) -> None:
        self._change_row(f"Delete turn {turn + 1}", lambda raw: turns.without_turn(raw, turn))
        self._focus_turn(max(0, turn - 1))

    def _focus_turn(self, turn: int) -> None:
        if turn < len(self._editor.cards):
            self._editor.cards[turn].start_editing()

    @Slot(str)
    def _on_raw_edited(self, text: str) -> None:
        line = text.replace("\n", " ")
        self._change_row("Edit the text", lambda _: line.encode("utf-8", "surrogatepass"), is_typing=True)

    @Slot(object)
    def _on_fix_requested(self, problem: object) -> None:
        fix = getattr(problem, "fix", None)
        if isinstance(fix, GoTo):
            self.go_requested.emit(fix.key)
            return
        opened, key = self._desk.current, self._key()
        if fix is not None and opened is not None and key is not None:
            kind, after = fix
            self.fix_previewed.emit(kind, (opened.document.raw_of(key), after))

    def fix_current(self, title: str, after: bytes) -> None:
        """Put the fixed text in place of the selected row's."""
        self._last_edit_s = 0.0
        self._change_row(title, lambda _: after)


def _system_prompt(opened: OpenDocument) -> str:
    """What most rows of this file begin with: the system turn of the selected row, else of the first."""
    if opened.document.row_count == 0:
        return opened.contract.system_prompt("tier1")
    key = opened.current_key if opened.current_key is not None else opened.document.key_of(0)
    row = opened.document.row_of(key)
    try:
        first = orjson.loads(opened.document.raw(max(0, row)))["messages"][0]
        return first["content"] if first["role"] == "system" else ""
    except (ValueError, TypeError, KeyError, IndexError):
        return opened.contract.system_prompt("tier1")
