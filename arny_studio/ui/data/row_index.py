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


class Notes(Struct, frozen=True):
    """What happened since the columns were last read. `keys`: the document's rows, where any came or went."""

    rows: dict[int, RowColumns] = {}
    keys: np.ndarray | None = None


class RowIndex:
    """Columns of one document. `note` belongs to the event loop, `read` to threads."""

    def __init__(self, columns: Columns) -> None:
        self._live = LiveColumns(columns)
        self._lock = threading.Lock()
        self._notes = Notes()

    def note(self, rows: Mapping[int, RowColumns], keys: np.ndarray | None) -> None:
        """Rows read like this now; `keys` are the document's rows, None where they are the same as before."""
        known = self._notes
        self._notes = Notes({**known.rows, **rows}, known.keys if keys is None else keys)

    def read(self, function: Callable[[LiveColumns], Result]) -> Result:
        """Call a function with the columns as the document stands now, alone with them."""
        with self._lock:
            notes = self._notes
            if notes.rows:
                self._live.update(notes.rows)
            if notes.keys is not None:
                self._live.follow(notes.keys)
            if self._notes is notes:  # newer notes hold these too; working them in twice changes nothing
                self._notes = Notes()
            return function(self._live)
