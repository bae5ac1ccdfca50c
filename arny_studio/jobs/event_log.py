"""`events.jsonl`, the truth about a run: written by one worker, read by anyone, at any time."""

from __future__ import annotations

import os
from pathlib import Path

from arny_studio.errors import BadInput, DiskFull
from arny_studio.jobs.events import AnyEvent, Terminal
from arny_studio.jobs.wire import LineBuffer, decode_event

_UNWRITTEN_LIMIT = 1 << 20  # bytes of events kept in memory while the disk takes none
_TAIL_BLOCK = 1 << 16


class EventLog:
    """Appends lines to the log of a run. Only the owner of the run's lock may hold one.

    A line is in the file whole or not at all: what a full disk cut off is taken back, kept, and tried again with
    the next line, so that a moment without room does not end hours of training.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._unwritten: list[bytes] = []
        self._drop_torn_line()

    def append(self, line: bytes) -> None:
        """Write a line. Raises DiskFull once too much waits for room."""
        self._unwritten.append(line)
        self._write_waiting()
        if sum(map(len, self._unwritten)) > _UNWRITTEN_LIMIT:
            raise DiskFull(f"There is no room left to write {self._path}.", hint="Free some space and resume the run.")

    @property
    def has_unwritten(self) -> bool:
        """Whether lines wait for room on the disk."""
        return bool(self._unwritten)

    def close(self) -> None:
        """Try once more what waits, then let go of the file."""
        self._write_waiting()
        os.close(self._file)

    def _write_waiting(self) -> None:
        while self._unwritten and self._write_whole(self._unwritten[0]):
            del self._unwritten[0]

    def _write_whole(self, line: bytes) -> bool:
        size_before = os.fstat(self._file).st_size
        written = 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError:
            os.ftruncate(self._file, size_before)
            return False
        return True

    def _drop_torn_line(self) -> None:
        """Half an event, left by a worker that died while writing, is no event."""
        size = os.fstat(self._file).st_size
        keep = _end_of_last_line(self._path, size)
        if keep != size:
            os.ftruncate(self._file, keep)


class EventTail:
    """Reads what was added to a log since the last look; half a line waits for its end."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset
        self._lines = LineBuffer()

    def read_new(self) -> list[AnyEvent]:
        """The events added since. Raises BadInput on another protocol."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(chunk)
        return [decode_event(line) for line in self._lines.feed(chunk)]


def read_events(path: Path, *, until: int = -1) -> list[AnyEvent]:
    """All events of a log, or those in its first `until` bytes. Raises BadInput on another protocol."""
    try:
        with path.open("rb") as file:
            return [decode_event(line) for line in LineBuffer().feed(file.read(until))]
    except FileNotFoundError:
        return []


def last_event(path: Path) -> AnyEvent | None:
    """The last whole event of a log, without reading the rest of it."""
    size = size_of(path)
    end = _end_of_last_line(path, size)
    if end == 0:
        return None
    start = _end_of_last_line(path, end - 1)
    with path.open("rb") as file:
        file.seek(start)
        line = file.read(end - start)
    try:
        return decode_event(line.strip())
    except BadInput:
        return None


def is_ended(path: Path) -> bool:
    """Whether the log is empty or its last event is a last event."""
    event = last_event(path)
    return event is None or isinstance(event, Terminal)


def size_of(path: Path) -> int:
    """Bytes in a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _end_of_last_line(path: Path, end: int) -> int:
    """Where the last newline before `end` ends; 0 where there is none."""
    if end == 0:
        return 0
    with path.open("rb") as file:
        while end > 0:
            start = max(0, end - _TAIL_BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
