"""Who works on a run folder: at most one process, known by number *and* start, so that a stale lock holds nobody up.

The lock file says who; an OS lock on the same file, held for milliseconds, makes reading and changing it one step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from arny_studio.errors import BadInput
from arny_studio.jobs.event_log import EventLog, is_ended, size_of
from arny_studio.jobs.events import Event, Failed, Hello, Terminal
from arny_studio.jobs.outcome import failed_by_death, telling_lines
from arny_studio.jobs.processes import identity_of, is_same_process
from arny_studio.jobs.wire import encode_line

_STDERR_TAIL_BYTES = 1 << 16


class FolderInUse(BadInput):
    """Another process works on the run folder."""


class Owner(Struct, frozen=True, kw_only=True):
    """The process that works on a run. Offsets are the sizes of its logs when it began, in bytes."""

    pid: int
    identity: str
    kind: str
    detached: bool = False
    events_from: int = 0
    stderr_from: int = 0

    @property
    def is_alive(self) -> bool:
        """Whether this very process still lives."""
        return is_same_process(self.pid, self.identity)


class RunLock:
    """The lock of one run folder."""

    def __init__(self, path: Path, events_path: Path, stderr_path: Path) -> None:
        self._path = path
        self._events_path = events_path
        self._stderr_path = stderr_path

    def owner(self) -> Owner | None:
        """Who is written in the lock file, alive or not."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Owner)
        except (OSError, msgspec.DecodeError):
            return None

    def living_owner(self) -> Owner | None:
        """Who works on the folder now."""
        owner = self.owner()
        return owner if owner is not None and owner.is_alive else None

    def take(self, kind: str, *, detached: bool) -> Owner:
        """Make this process the owner, after closing what a dead one left open. Raises FolderInUse."""
        with exclusive(self._path):
            self.refuse_if_in_use()
            self._close_open_attempt()
            owner = Owner(
                pid=os.getpid(), identity=identity_of(os.getpid()) or "", kind=kind, detached=detached,
                events_from=size_of(self._events_path), stderr_from=size_of(self._stderr_path),
            )  # fmt: skip
            self._path.write_bytes(msgspec.json.encode(owner))
            return owner

    def release(self) -> None:
        """Nobody works on the folder any more."""
        with exclusive(self._path):
            self._path.write_bytes(b"")

    def refuse_if_in_use(self) -> None:
        """Raise FolderInUse where a living process owns the folder."""
        owner = self.living_owner()
        if owner is not None and owner.pid != os.getpid():
            raise FolderInUse(
                f"The run {self._path.parent.name} is already being worked on by process {owner.pid} ({owner.kind}).",
                hint="Wait for it to end, or stop it: arny runs stop " + self._path.parent.name,
            )

    def settle(self) -> Failed | None:
        """Write the last event that a dead owner could not write. None where nothing was missing."""
        with exclusive(self._path):
            if self.living_owner() is not None:
                return None
            failed = self._close_open_attempt()
            self._path.write_bytes(b"")
            return failed

    def record_end(self, last: Terminal, *, kind: str, pid: int, events_from: int) -> bool:
        """Write the last event of a worker that died without one; a hello too where it did not get that far.

        `events_from` is the size of the log when the worker began. False where somebody else has written the end
        already, or has taken the folder since.
        """
        with exclusive(self._path):
            owner = self.living_owner()
            if owner is not None and owner.pid != pid:
                return False
            has_begun = size_of(self._events_path) > events_from
            if has_begun and is_ended(self._events_path):
                return False
            hello = [] if has_begun else [Hello(kind=kind, pid=pid, time_s=last.time_s)]
            self._append([*hello, last])
            self._path.write_bytes(b"")
            return True

    def _close_open_attempt(self) -> Failed | None:
        if is_ended(self._events_path):
            return None
        owner = self.owner()
        failed = failed_by_death(None, stderr_tail(self._stderr_path, owner.stderr_from if owner else 0))
        self._append([failed])
        return failed

    def _append(self, events: list[Event]) -> None:
        log = EventLog(self._events_path)
        for event in events:
            log.append(encode_line(event))
        log.close()


def stderr_tail(path: Path, offset: int = 0) -> list[str]:
    """The last lines a worker wrote to its standard error, from a byte offset on."""
    start = max(offset, size_of(path) - _STDERR_TAIL_BYTES)
    try:
        with path.open("rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return telling_lines(text.splitlines())


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the OS lock on a file, which is made where it is not there, for as long as the block lasts."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)  # closing releases the lock


def _lock(handle: int) -> None:
    if os.name == "nt":  # pragma: no cover
        import msvcrt

        os.lseek(handle, 1 << 30, os.SEEK_SET)  # a byte far behind the text, which stays readable
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)
