"""The rows of an opened file with edits lying over them: everything about a document that is only looking."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from arny_studio.dataset.file_bytes import FileBytes
from arny_studio.dataset.line_index import LineIndex
from arny_studio.dataset.reading import parse_row
from arny_studio.dataset.row_hash import row_hashes
from arny_studio.dataset.row_state import FrozenRows, RowState
from arny_studio.dataset.samples import RowProblem, Sample
from arny_studio.dataset.text_store import AS_OPENED, TextStore

_CACHED_ROWS = 2048
_STREAMED_KEYS = 1 << 16
_FAR = 1 << 10  # rows: nearer ones are rather read past than jumped over


class OpenedRows:
    """Rows count from 0 as shown; keys name rows for the whole session. Safe to look at from several threads."""

    def __init__(self, path: Path, file: FileBytes) -> None:
        self.path = path
        self._file = file
        self._index = LineIndex.of(file)
        self._rows = RowState(self._index.row_count)
        self._texts = TextStore()
        self._cache: OrderedDict[tuple[int, int, int], Sample | RowProblem] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def row_count(self) -> int:
        """Rows shown, unreadable ones included."""
        return self._rows.row_count

    @property
    def base_row_count(self) -> int:
        """Rows of the file as it was opened: their keys are 0 … base_row_count-1."""
        return self._rows.base_count

    @property
    def keys(self) -> np.ndarray:
        """Key of each row shown, int64 of shape (row_count,); not to be written to."""
        with self._lock:
            return self._rows.keys

    @property
    def changed_keys(self) -> np.ndarray:
        """Keys of the rows whose text is not the opened file's, inserted ones included; int64, ascending."""
        with self._lock:
            return self._rows.changed_keys()

    def key_of(self, row: int) -> int:
        """Key of a row shown."""
        with self._lock:
            return self._rows.key_of(row)

    def row_of(self, key: int) -> int:
        """Where a key is shown; -1 where its row is gone."""
        with self._lock:
            return self._rows.row_of(key)

    def rows_of(self, keys: np.ndarray) -> np.ndarray:
        """Where keys are shown, int64; -1 where their rows are gone."""
        with self._lock:
            return self._rows.rows_of(keys)

    def line_number(self, row: int) -> int:
        """Line of a row, counted from 1, in the file as it would be saved."""
        with self._lock:
            keys = (self._rows.key_of(place) for place in range(row, -1, -1))
            key = next((key for key in keys if key < self.base_row_count), None)
            blank_lines = 0 if key is None else self._index.line_of(key) - key
            return row + 1 + blank_lines

    def raw(self, row: int) -> bytes:
        """The bytes of a row without its line ending."""
        return self.raw_of(self.key_of(row))

    def raw_of(self, key: int) -> bytes:
        """The bytes of a row by its key; also of one that is gone."""
        with self._lock:
            number = self._rows.text_of(key)
        return self._index.raw(key) if number == AS_OPENED else self._texts.get(number)

    def sample(self, row: int) -> Sample | RowProblem:
        """A row as a sample, or what keeps it from being one. Recently seen rows are kept."""
        with self._lock:
            key, line = self._rows.key_of(row), self.line_number(row)
            known = (key, self._rows.text_of(key), line)
            if known in self._cache:
                self._cache.move_to_end(known)
                return self._cache[known]
        parsed = parse_row(self.raw_of(key), file=self.path.name, line=line)
        with self._lock:
            self._cache[known] = parsed
            if len(self._cache) > _CACHED_ROWS:
                self._cache.popitem(last=False)
        return parsed

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes of the rows shown from `start` to before `stop`, streamed; as they are when it begins."""
        with self._lock:
            state = self._rows.frozen(slice(start, stop))
        return self._stream(state)

    def hashes(self) -> np.ndarray:
        """`row_hash` of every row shown, uint64 of shape (row_count,); reads the whole file."""
        return row_hashes(self.rows())

    def close(self) -> None:
        """Let go of the file; the rows must not be looked at afterwards."""
        self._texts.close()
        self._file.close()

    def _stream(self, state: FrozenRows) -> Iterator[bytes]:
        stream, place = iter(()), -_FAR
        for start in range(0, len(state.keys), _STREAMED_KEYS):
            part = slice(start, start + _STREAMED_KEYS)
            for key, number in zip(state.keys[part].tolist(), state.texts[part].tolist(), strict=True):
                if number != AS_OPENED:
                    yield self._texts.get(number)
                    continue
                if not place <= key < place + _FAR:
                    stream, place = self._index.rows(key), key
                for _ in range(key - place):
                    next(stream)
                yield next(stream)
                place = key + 1
