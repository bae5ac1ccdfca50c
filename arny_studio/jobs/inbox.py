"""What a worker is told: commands on standard input, SIGTERM and Ctrl-C, and for detached workers a `stop` file."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from arny_studio.errors import BadInput
from arny_studio.jobs.commands import AnyCommand, Stop
from arny_studio.jobs.events import Log
from arny_studio.jobs.wire import LineBuffer, decode_command

StopMode = Literal["save", "now"]

_STOP_FILE_PERIOD_S = 0.5
_READ_BYTES = 1 << 16


class Inbox:
    """The commands of a worker, in order, and the wish to stop, which outlives being read.

    `stop_requested` is cheap enough to be asked at every step.
    """

    def __init__(self, *, stop_path: Path | None = None) -> None:
        self._commands: queue.SimpleQueue[AnyCommand] = queue.SimpleQueue()  # put() is safe in a signal handler
        self._stop_path = stop_path
        self._mode: StopMode | None = None

    @property
    def stop_requested(self) -> bool:
        """Whether the work is to end."""
        self._look_for_stop_file()
        return self._mode is not None

    @property
    def stop_mode(self) -> StopMode:
        """How it is to end: after saving, or at once. Meaningful once a stop is requested."""
        return self._mode or "save"

    def put(self, command: AnyCommand) -> None:
        """Deliver a command. A wish to stop at once is never softened by a later one to save."""
        if isinstance(command, Stop) and self._mode != "now":
            self._mode = command.mode
        self._commands.put(command)

    def next_command(self, timeout_s: float | None = None) -> AnyCommand | None:
        """The next command, waiting at most `timeout_s` seconds (None: as long as it takes); None on timeout."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._look_for_stop_file()
            with contextlib.suppress(queue.Empty):
                return self._commands.get(timeout=self._patience(deadline_s))
            if deadline_s is not None and time.monotonic() >= deadline_s:
                return None

    def _patience(self, deadline_s: float | None) -> float | None:
        """Seconds to wait in one go: to the deadline, but with a stop file no longer than its period."""
        left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        if self._stop_path is None:
            return left_s
        return _STOP_FILE_PERIOD_S if left_s is None else min(left_s, _STOP_FILE_PERIOD_S)

    def _look_for_stop_file(self) -> None:
        if self._stop_path is None or self._mode is not None or not self._stop_path.exists():
            return
        wish = self._stop_path.read_text(encoding="utf-8", errors="replace").strip()
        self.put(Stop(mode="now" if wish == "now" else "save"))


def read_commands(handle: int, inbox: Inbox, *, on_noise: Callable[[Log], None], on_end: Callable[[], None]) -> None:
    """Feed an inbox from a file descriptor until it ends, in a thread of its own."""
    threading.Thread(
        target=_read_until_end, args=(handle, inbox, on_noise, on_end), name="commands", daemon=True
    ).start()


def _read_until_end(handle: int, inbox: Inbox, on_noise: Callable[[Log], None], on_end: Callable[[], None]) -> None:
    lines = LineBuffer()
    while chunk := _read_quietly(handle):
        for line in lines.feed(chunk):
            try:
                inbox.put(decode_command(line))
            except BadInput as error:
                on_noise(Log(level="warning", text=error.sentence))
    on_end()


def _read_quietly(handle: int) -> bytes:
    try:
        return os.read(handle, _READ_BYTES)
    except OSError:
        return b""
