"""Where the events of a worker go: first into the log, which is the truth, then down the pipe, which is fast."""

from __future__ import annotations

import contextlib
import math
import os
import select
import threading
from collections.abc import Callable

from msgspec.structs import replace

from arny_studio.errors import DiskFull
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import Event, Log, Metric, Terminal
from arny_studio.jobs.wire import encode_line

Emit = Callable[[Event], None]

READER_PATIENCE_S = 5.0  # how long a detached worker waits for a reader that does not read


class EventPipe:
    """The fast path. Whoever read it may be gone or asleep; neither ends the work."""

    def __init__(self, handle: int, *, may_drop_reader: bool = False) -> None:
        self._handle: int | None = handle
        self._may_drop_reader = may_drop_reader and os.name != "nt"
        if self._may_drop_reader:
            os.set_blocking(handle, False)

    def send(self, line: bytes) -> None:
        """Write a line, or close the pipe for good where nobody reads it."""
        rest = memoryview(line)
        while rest and self._handle is not None:
            try:
                rest = rest[os.write(self._handle, rest) :]
            except BlockingIOError:
                self._wait_for_reader()
            except OSError:
                self.close()

    def close(self) -> None:
        """Send nothing any more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _wait_for_reader(self) -> None:
        assert self._handle is not None
        _, writable, _ = select.select([], [self._handle], [], READER_PATIENCE_S)
        if not writable:
            self.close()  # the reader hangs; it finds everything in the log when it wakes


class Emitter:
    """The `emit` of a worker: safe to call from any thread, and sure that nothing follows the last event."""

    def __init__(self, log: EventLog | None, pipe: EventPipe) -> None:
        self._log = log
        self._pipe = pipe
        self._guard = threading.Lock()
        self._has_ended = False
        self._warned_fields: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Emit an event that is not a last one. Raises DiskFull where the log cannot take more."""
        if isinstance(event, Terminal):
            raise TypeError(f"{type(event).__name__} is returned by the worker's main, never emitted.")
        if isinstance(event, Metric):
            event = self._finite(event)
        with self._guard:
            if not self._has_ended:
                self._write(event)

    def finish(self, event: Terminal) -> bool:
        """Emit the last event, once; False where there has been one."""
        with self._guard:
            if self._has_ended:
                return False
            self._has_ended = True
            with contextlib.suppress(DiskFull):  # the pipe still has it, and the supervisor writes what is missing
                self._write(event)
            self._close()
            return True

    def _write(self, event: Event) -> None:
        line = encode_line(event)
        try:
            if self._log is not None:
                self._log.append(line)
        finally:
            self._pipe.send(line)

    def _close(self) -> None:
        if self._log is not None:
            self._log.close()
        self._pipe.close()

    def _finite(self, metric: Metric) -> Metric:
        """Numbers that are not finite become gaps; each field says so once."""
        broken = {
            name: value
            for name in metric.__struct_fields__
            if isinstance(value := getattr(metric, name), float) and not math.isfinite(value)
        }
        if not broken:
            return metric
        self._warn_once(metric.step, broken)
        return replace(metric, **{name: 0.0 if name == "epoch" else None for name in broken})

    def _warn_once(self, step: int, broken: dict[str, float]) -> None:
        new = {name: value for name, value in broken.items() if name not in self._warned_fields}
        if not new:
            return
        self._warned_fields |= new.keys()
        shown = ", ".join(f"{name} = {value}" for name, value in new.items())
        self(Log(level="warning", text=f"Not a finite number at step {step}: {shown}. The curve shows a gap."))
