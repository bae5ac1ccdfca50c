"""One open document and what the tab remembers about it: its columns, what is shown of it, and which row is looked at."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from arny_studio.contract import Contract
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.document import Document
from arny_studio.dataset.problems import PAIR_KINDS, mask_of
from arny_studio.dataset.review import Review
from arny_studio.dataset.row_problems import Limits
from arny_studio.ui.data.inline_problem import ShownProblem
from arny_studio.ui.data.row_faces import RowFace, face_of, shown_row
from arny_studio.ui.data.sample_editor import ShownRow

if TYPE_CHECKING:
    from arny_studio.dataset.columns import LiveColumns
    from arny_studio.ui.data.row_index import RowIndex

MOST_TOKENS = 2048  # as training cuts by default; longer rows lose the end of their answer
_KEPT_FACES = 4096
ANY = 0xFFFFFFFF  # every kind of problem
_PAIR_MASK = mask_of(*PAIR_KINDS)


class Sort(Struct, frozen=True):
    """By which column of the table the rows are ordered."""

    column: str
    is_descending: bool = False


class GoTo(Struct, frozen=True):
    """What the button of a problem does that names another row: look at that one."""

    key: int


class Pairs(Struct, frozen=True):
    """What the whole file says about rows, as it was last looked up: arrays over `keys`, all (rows,)."""

    keys: np.ndarray
    arrays: dict[str, np.ndarray]

    @classmethod
    def of(cls, columns: LiveColumns) -> Pairs:
        """The state of the columns now."""
        names = ("problems", "tokens", "duplicate_of", "near_group", "contradiction_group")
        return cls(columns.keys, {name: columns.array(name) for name in names})

    def place_of(self, key: int, likely: int) -> int:
        """Where a key stands; `likely` is looked at first. -1: it was not there yet."""
        if 0 <= likely < len(self.keys) and self.keys[likely] == key:
            return likely
        found = np.flatnonzero(self.keys == key)
        return int(found[0]) if len(found) else -1


def file_stamp(path: Path) -> tuple[int, int]:
    """Time and size of a file as it lies there; only where they differ a look at its content is worth while."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


class OpenDocument:
    """A document in the window. `shown` are the keys of the rows that the table lists; None: every row in file order."""

    def __init__(self, document: Document, contract: Contract) -> None:
        self.document = document
        self.index: RowIndex | None = None
        self.pairs: Pairs | None = None
        self.query = ""
        self.sort: Sort | None = None
        self.shown: np.ndarray | None = None
        self.current_key: int | None = None
        self.is_saving = False
        self.stamp = file_stamp(document.path)  # when the content was looked at last
        self.against = ""  # another dataset whose queries must not occur here
        self.looks_for_near_duplicates = False  # costs a second pass; from the first check on
        self.imbalance: tuple[str, ...] = ()
        self._faces: OrderedDict[int, RowFace] = OrderedDict()
        self.use_contract(contract)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.document.path

    @property
    def contract(self) -> Contract:
        """The contract that answers are held against."""
        return self.checker.contract

    @property
    def line_count(self) -> int:
        """How many lines the table has."""
        return self.document.row_count if self.shown is None else len(self.shown)

    def use_contract(self, contract: Contract) -> None:
        """Hold answers against another contract; the columns have to be scanned again."""
        self.checker = RowChecker(contract, Limits(max_tokens=MOST_TOKENS))
        self.index = self.pairs = None
        self._faces.clear()

    def key_at(self, line: int) -> int:
        """The key of the row at a line of the table."""
        return self.document.key_of(line) if self.shown is None else int(self.shown[line])

    def line_of(self, key: int) -> int | None:
        """The line of the table that shows a row; None where the filter hides it or the row is gone."""
        if self.shown is None:
            row = self.document.row_of(key)
            return row if row >= 0 else None
        found = np.flatnonzero(self.shown == key)
        return int(found[0]) if len(found) and self.document.row_of(key) >= 0 else None

    def next_problem_line(self, line: int, mask: int) -> int | None:
        """The next line below, else from the top, whose row has one of these problems; None where no row has."""
        if self.pairs is None:
            return None
        keys = self.pairs.keys[(self.pairs.arrays["problems"] & np.uint32(mask)) != 0]
        keys = keys[self.document.rows_of(keys) >= 0]
        lines = (
            np.sort(self.document.rows_of(keys)) if self.shown is None else np.flatnonzero(np.isin(self.shown, keys))
        )
        if not len(lines):
            return None
        place = int(np.searchsorted(lines, line, side="right"))
        return int(lines[place % len(lines)])

    def face(self, key: int) -> RowFace:
        """What the table says of a row. Recently shown rows are kept."""
        known = self._faces.get(key)
        if known is None:
            known = self._faces[key] = face_of(self.document.raw_of(key), self.checker)
            if len(self._faces) > _KEPT_FACES:
                self._faces.popitem(last=False)
        return known

    def problems(self, key: int) -> int:
        """The problem bits of a row: its own, and those that only the whole file shows."""
        return self.face(key).problems | (self._scanned(key, "problems", 0) & _PAIR_MASK)

    def tokens(self, key: int) -> int | None:
        """Tokens of a row, counted by the scan where there was one with a tokenizer, else estimated."""
        counted = self._scanned(key, "tokens", 0)
        return counted or self.face(key).tokens

    def review(self, key: int) -> Review:
        """How a row was judged."""
        return self.document.review_of(key)

    def forget_faces(self, keys: np.ndarray) -> None:
        """These rows have changed."""
        if len(keys) > _KEPT_FACES:
            self._faces.clear()
            return
        for key in keys.tolist():
            self._faces.pop(key, None)

    def shown_row(self, key: int) -> ShownRow:
        """A row for the editor."""
        document = self.document
        locked = "read only" if document.is_read_only else ""
        return shown_row(
            document.raw_of(key), key=key, row=document.row_of(key), checker=self.checker,
            others=tuple(self._pair_problems(key)), why_locked=locked,
        )  # fmt: skip

    def _pair_problems(self, key: int) -> list[ShownProblem]:
        """Problems with another row, each with the way there."""
        said = []
        for column, words in (
            ("duplicate_of", "This row says the same as row {}."),
            ("near_group", "This row is almost the same as row {}."),
            ("contradiction_group", "The same query is decided differently in row {}."),
        ):
            other = self._other_of(key, column)
            row = self.document.row_of(other) if other is not None else -1
            if other is not None and row >= 0:
                sentence = words.format(f"{row + 1:,}")
                is_error = column == "contradiction_group"
                said.append(
                    ShownProblem(
                        sentence=sentence, is_error=is_error, fix_title=f"Go to row {row + 1:,}", fix=GoTo(other)
                    )
                )
        return said

    def _other_of(self, key: int, column: str) -> int | None:
        """The first row that this one is like; for the first row itself the next one of its group."""
        first = self._scanned(key, column, -1)
        if first != key:
            return first if first >= 0 else None
        assert self.pairs is not None
        members = np.flatnonzero(self.pairs.arrays[column] == first)[:3]
        return next((int(other) for other in self.pairs.keys[members] if other != key), None)

    def _scanned(self, key: int, column: str, otherwise: int) -> int:
        if self.pairs is None:
            return otherwise
        place = self.pairs.place_of(key, self.document.row_of(key))
        return otherwise if place < 0 else int(self.pairs.arrays[column][place])
