"""The columns of an open document, kept up while it is edited, without ever making the window wait.

An edit is noted at once, which is cheap; whoever reads next, in a thread, works the notes in first. So the million-row
arrays are only touched off the event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from msgspec import Struct

from arny_studio.dataset.columns import Columns, LiveColumns
from arny_studio.dataset.row_columns import RowColumns

Result = TypeVar("Result")


class Notes(Struct):
    """What happened since the columns were last read."""

    keys: np.ndarray
    rows: dict[int, RowColumns]
    is_reordered: bool = False


class RowIndex:
    """Columns of one document. `note` belongs to the event loop, `read` to threads."""

    def __init__(self, columns: Columns, keys: np.ndarray) -> None:
        self._live = LiveColumns(columns)
        self._lock = threading.Lock()
        self._notes = Notes(keys=keys, rows={}, is_reordered=True)

    def note(self, keys: np.ndarray, rows: Mapping[int, RowColumns], *, is_reordered: bool) -> None:
        """Rows read like this now; `keys` are the document's rows as they stand."""
        known = self._notes
        merged = Notes(keys=keys, rows={**known.rows, **rows}, is_reordered=known.is_reordered or is_reordered)
        self._notes = merged

    def read(self, function: Callable[[LiveColumns], Result]) -> Result:
        """Call a function with the columns as the document stands now, alone with them."""
        with self._lock:
            notes = self._notes
            if notes.rows:
                self._live.update(notes.rows)
            if notes.is_reordered:
                self._live.follow(notes.keys)
            self._settle(notes)
            return function(self._live)

    def _settle(self, done: Notes) -> None:
        """Forget the notes that were worked in, but none that came meanwhile."""
        now = self._notes
        if now is done:
            self._notes = Notes(keys=done.keys, rows={})
        # Otherwise the newer notes hold the older ones too; working those in twice changes nothing.
