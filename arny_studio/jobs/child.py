"""One worker process that we started, seen from an asyncio loop: what it says, what it is told, how it ends.

WORKAROUND: asyncio's own subprocess transport kills its child when it is closed or garbage-collected, so a detached
worker could not outlive the app, and its exit watcher differs between loops (qasync). A Popen with one reading
thread works the same under every loop and on Windows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from arny_studio.jobs.commands import Command
from arny_studio.jobs.processes import kill_group, terminate
from arny_studio.jobs.wire import encode_line

_READ_BYTES = 1 << 16
_CHUNKS_AHEAD = 4  # how far the reading thread may run ahead of the loop
_RETRY_S = 0.05
_DRAIN_S = 1.0


class Child:
    """A worker process in a session of its own, its pipes, and its end.

    `on_chunk` is called in the loop with the bytes it wrote; `wait` returns after the last of them.
    """

    def __init__(self, process: subprocess.Popen[bytes], on_chunk: Callable[[bytes], None]) -> None:
        self._process = process
        self._on_chunk = on_chunk
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(_CHUNKS_AHEAD)
        self._drained = asyncio.Event()
        self._exited = asyncio.Event()
        self._unsent = bytearray()
        self._is_left = False
        if os.name != "nt":
            os.set_blocking(self._stdin.fileno(), False)  # a worker that does not listen must not stop the window
        for work in (self._read_until_end, self._wait_for_exit):
            threading.Thread(target=work, name=f"worker {process.pid}", daemon=True).start()

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        stderr_path: Path,
        on_chunk: Callable[[bytes], None],
    ) -> Child:
        """Start a worker whose stderr goes to a file. Raises OSError where the program cannot be run."""
        with stderr_path.open("ab") as stderr:
            process = subprocess.Popen(
                command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0,
                start_new_session=os.name != "nt",
            )  # fmt: skip
        return cls(process, on_chunk)

    @property
    def pid(self) -> int:
        """Its process number, which is also its session and group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""
        return self._process.returncode

    def send(self, command: Command) -> bool:
        """Send it a command; False where it is gone."""
        self._unsent += encode_line(command)
        return self._flush()

    def terminate(self) -> None:
        """SIGTERM: a worker stops and saves."""
        if self.returncode is None:
            terminate(self.pid)

    def kill(self) -> None:
        """SIGKILL for it and everything it started."""
        if not self._exited.is_set():
            kill_group(self.pid)

    def leave(self) -> None:
        """Listen no more and close its input: an interactive worker ends then, a detached one goes on."""
        self._is_left = True
        self._on_chunk = _ignore  # the threads may outlive the listener and must not be the last to hold it
        self._room.release()
        with contextlib.suppress(OSError):
            self._stdin.close()

    async def silence(self, last_word: asyncio.Event) -> None:
        """Return when its output has ended, or it has, or its last word has been heard: whichever comes first."""
        ends = [asyncio.ensure_future(event.wait()) for event in (self._drained, self._exited, last_word)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def wait(self) -> int:
        """Its exit code, after its output has been delivered and whatever it left running has been killed."""
        await self._exited.wait()
        kill_group(self.pid)
        with contextlib.suppress(TimeoutError):  # a grandchild in a session of its own may hold the pipe for ever
            await asyncio.wait_for(self._drained.wait(), _DRAIN_S)
        self.leave()
        assert self._process.returncode is not None
        return self._process.returncode

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _flush(self) -> bool:
        try:
            while self._unsent:
                del self._unsent[: os.write(self._stdin.fileno(), self._unsent)]
        except BlockingIOError:
            self._loop.call_later(_RETRY_S, self._flush)
        except (OSError, ValueError):  # it is gone, or its input is closed
            self._unsent.clear()
            return False
        return True

    def _read_until_end(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            while chunk := stdout.read(_READ_BYTES):
                self._room.acquire()
                if self._is_left or not self._in_loop(self._deliver, chunk):
                    return
        self._in_loop(self._drained.set)

    def _deliver(self, chunk: bytes) -> None:
        self._room.release()
        if not self._is_left:
            self._on_chunk(chunk)

    def _wait_for_exit(self) -> None:
        self._process.wait()
        self._in_loop(self._exited.set)

    def _in_loop(self, call: Callable[..., object], *arguments: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: nobody listens any more
            return False
        return True


def _ignore(_chunk: bytes) -> None:
    """Nobody listens."""
