"""Which rows a document shows, in which order, and where the text of each is; and the operations that change this.

Operations are numpy arrays, so that a million rows cost a few milliseconds, and each can be taken back exactly.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from arny_studio.dataset.text_store import AS_OPENED


class Texts(Struct, frozen=True):
    """Rows get other texts. All arrays int64 of one length; texts are numbers of the text store."""

    keys: np.ndarray
    before: np.ndarray
    after: np.ndarray


class Removal(Struct, frozen=True):
    """Rows go. `rows`: where they stood, ascending."""

    rows: np.ndarray
    keys: np.ndarray


class Insertion(Struct, frozen=True):
    """Rows come. `rows`: in front of which row of the order before, ascending; `texts`: numbers of the text store."""

    rows: np.ndarray
    keys: np.ndarray
    texts: np.ndarray


Operation = Texts | Removal | Insertion


class FrozenRows(Struct, frozen=True):
    """A state to be saved while editing goes on: keys and texts of the rows shown, int64 each."""

    keys: np.ndarray
    texts: np.ndarray


class RowState:
    """Order and texts of the rows. Arrays are made when the first edit needs them."""

    def __init__(self, base_count: int) -> None:
        self.base_count = base_count
        self.next_key = base_count  # what the next inserted row will be called
        self._order: np.ndarray | None = None  # keys as shown; None: 0 … base_count-1
        self._rows_by_key: np.ndarray | None = None  # the inverse of the order, made when asked for
        self._texts = np.zeros(0, dtype=np.int64)  # by key; shorter than the keys where the rest is as opened

    @property
    def row_count(self) -> int:
        """Rows shown."""
        return self.base_count if self._order is None else len(self._order)

    @property
    def keys(self) -> np.ndarray:
        """Keys as shown, int64; not to be written to."""
        keys = np.arange(self.base_count, dtype=np.int64) if self._order is None else self._order
        keys.flags.writeable = False
        return keys

    @property
    def has_opened_order(self) -> bool:
        """Whether the rows are those of the file, none missing and none new."""
        return self._order is None

    def key_of(self, row: int) -> int:
        """Key of the row shown at a place."""
        if not 0 <= row < self.row_count:
            raise IndexError(row)
        return row if self._order is None else int(self._order[row])

    def row_of(self, key: int) -> int:
        """Where a key is shown; -1 where it is not."""
        if self._order is None:
            return key if 0 <= key < self.base_count else -1
        return int(self._inverse()[key]) if 0 <= key < self.next_key else -1

    def rows_of(self, keys: np.ndarray) -> np.ndarray:
        """Where keys are shown, int64; -1 where they are not."""
        known = (keys >= 0) & (keys < self.next_key)
        if self._order is None:
            return np.where(known, keys, -1)
        return np.where(known, self._inverse()[np.where(known, keys, 0)], -1)

    def text_of(self, key: int) -> int:
        """Number of a row's text, or AS_OPENED."""
        return int(self._texts[key]) if key < len(self._texts) else AS_OPENED

    def texts_of(self, keys: np.ndarray) -> np.ndarray:
        """The same of many keys, int64."""
        texts = np.full(len(keys), AS_OPENED, dtype=np.int64)
        inside = keys < len(self._texts)
        texts[inside] = self._texts[keys[inside]]
        return texts

    def changed_keys(self) -> np.ndarray:
        """Keys shown whose text is not the opened file's, inserted ones included; int64, ascending."""
        changed = np.flatnonzero(self._texts != AS_OPENED)
        return changed[self.rows_of(changed) >= 0]

    def new_keys(self, count: int) -> np.ndarray:
        """Keys that no row has had, int64."""
        first = self.next_key
        self.next_key += count
        return np.arange(first, self.next_key, dtype=np.int64)

    def frozen(self, part: slice = slice(None)) -> FrozenRows:
        """A copy of (a part of) the rows shown that later edits leave alone."""
        keys = np.arange(*part.indices(self.base_count)) if self._order is None else self._order[part]
        return FrozenRows(keys, self.texts_of(keys))

    def do(self, operation: Operation) -> None:
        """Carry out an operation."""
        match operation:
            case Texts(keys, _, after):
                self._set_texts(keys, after)
            case Removal(rows, _):
                self._set_order(np.delete(self.keys, rows))
            case Insertion(rows, keys, texts):
                self._set_texts(keys, texts)
                self._set_order(np.insert(self.keys, rows, keys))

    def take_back(self, operation: Operation) -> None:
        """Undo an operation; it must be the last one done."""
        match operation:
            case Texts(keys, before, _):
                self._set_texts(keys, before)
            case Removal(rows, keys):
                self._set_order(np.insert(self.keys, rows - np.arange(len(rows)), keys))
            case Insertion(rows, _, _):
                self._set_order(np.delete(self.keys, rows + np.arange(len(rows))))

    def _set_texts(self, keys: np.ndarray, texts: np.ndarray) -> None:
        if len(keys) and self.next_key > len(self._texts):
            grown = np.full(max(self.next_key, len(self._texts) * 3 // 2), AS_OPENED, dtype=np.int64)
            grown[: len(self._texts)] = self._texts
            self._texts = grown
        self._texts[keys] = texts

    def _set_order(self, order: np.ndarray) -> None:
        self._rows_by_key = None
        is_opened = len(order) == self.base_count and bool((order == np.arange(self.base_count)).all())
        self._order = None if is_opened else order

    def _inverse(self) -> np.ndarray:
        if self._rows_by_key is None:
            assert self._order is not None
            inverse = np.full(self.next_key, -1, dtype=np.int64)
            inverse[self._order] = np.arange(len(self._order))
            self._rows_by_key = inverse
        return self._rows_by_key
