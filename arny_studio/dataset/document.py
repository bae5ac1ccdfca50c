"""A JSONL file as a document: mapped into memory, indexed by newline, rows parsed when they are looked at."""

from __future__ import annotations

import mmap
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np

from arny_studio.dataset.reading import BOM, parse_row
from arny_studio.dataset.samples import RowProblem, Sample
from arny_studio.errors import BadInput, MissingFile

_CHUNK_BYTES = 16 << 20
_CACHED_ROWS = 2048


class Document:
    """An opened dataset. Rows count from 0 and are the file's lines that are not blank.

    Opening reads the file once for its newlines (about 0.2 s per GB); call it off the event loop.
    Looking rows up is safe from several threads.
    """

    def __init__(
        self, path: Path, data: mmap.mmap | bytes, starts: np.ndarray, ends: np.ndarray, lines: np.ndarray
    ) -> None:
        self.path = path
        self._data = data
        self._starts = starts  # (rows,) int64, byte offsets
        self._ends = ends  # (rows,) int64, without the line ending
        self._lines = lines  # (rows,) int64, line numbers from 1
        self._cache: OrderedDict[int, Sample | RowProblem] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Document:
        """Map and index a file. Raises MissingFile, or BadInput where it cannot be read."""
        if not path.is_file():
            raise MissingFile(f"There is no dataset at {path}.")
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
        return cls(path, data, *_index(data))

    @property
    def row_count(self) -> int:
        """Rows in the file, unreadable ones included."""
        return len(self._starts)

    def line_number(self, row: int) -> int:
        """Line of a row in the file, counted from 1."""
        return int(self._lines[row])

    def raw(self, row: int) -> bytes:
        """The bytes of a row without its line ending."""
        return self._data[int(self._starts[row]) : int(self._ends[row])]

    def sample(self, row: int) -> Sample | RowProblem:
        """A row as a sample, or what keeps it from being one. Recently seen rows are kept."""
        with self._lock:
            if row in self._cache:
                self._cache.move_to_end(row)
                return self._cache[row]
        parsed = parse_row(self.raw(row), file=self.path.name, line=self.line_number(row))
        with self._lock:
            self._cache[row] = parsed
            if len(self._cache) > _CACHED_ROWS:
                self._cache.popitem(last=False)
        return parsed

    def close(self) -> None:
        """Let go of the file; the document must not be used afterwards."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()


def _index(data: mmap.mmap | bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start and end offsets and line numbers of the lines that hold more than white space."""
    size = len(data)
    newlines = _newlines(data)
    starts = np.concatenate(([0], newlines + 1)).astype(np.int64)
    ends = np.concatenate((newlines, [size])).astype(np.int64)
    if size and data[: len(BOM)] == BOM:
        starts[0] = len(BOM)
    lines = np.arange(1, len(starts) + 1, dtype=np.int64)
    # A row is at least "{}"; only lines this short can be blank, so only they are looked at.
    maybe_blank = np.flatnonzero(ends - starts < 64)
    is_blank = np.zeros(len(starts), dtype=bool)
    is_blank[maybe_blank] = [not data[int(starts[row]) : int(ends[row])].strip() for row in maybe_blank]
    kept = ~is_blank
    return starts[kept], ends[kept], lines[kept]


def _newlines(data: mmap.mmap | bytes) -> np.ndarray:
    found = [np.zeros(0, dtype=np.int64)]
    for offset in range(0, len(data), _CHUNK_BYTES):
        block = np.frombuffer(data, dtype=np.uint8, count=min(_CHUNK_BYTES, len(data) - offset), offset=offset)
        found.append(np.flatnonzero(block == 10) + offset)
    return np.concatenate(found)
