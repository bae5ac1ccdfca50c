"""A file that is only added to, and reaches the disk a quarter of a second later without anybody waiting for it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from arny_studio.atomic import sync_folder

SYNC_DELAY_S = 0.25


class SyncedLog:
    """Appends at once (so that a killed process loses nothing), fsyncs in a thread (so that nobody waits).

    Where writing fails, the first problem is kept in `problem`, and the caller's work goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self._descriptor = -1
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self._descriptor).st_size if self._descriptor >= 0 else 0

    @property
    def is_open(self) -> bool:
        """Whether something has been written since it was opened or closed."""
        return self._descriptor >= 0

    def append(self, data: bytes) -> bool:
        """Add to the end, making the file where there is none. Returns whether it worked."""
        with self._lock:
            try:
                self._write(data)
            except OSError as error:
                self.problem = self.problem or f"{self.path} cannot be written: {error.strerror}."
                return False
            if self._timer is None:
                self._timer = threading.Timer(SYNC_DELAY_S, self.flush)
                self._timer.daemon = True
                self._timer.start()
        return True

    def flush(self) -> None:
        """Return when everything appended so far is on the disk."""
        with self._lock:
            timer, self._timer = self._timer, None
            own = os.dup(self._descriptor) if self._descriptor >= 0 else -1
        if timer:
            timer.cancel()
        if own < 0:
            return
        try:
            os.fsync(own)
        except OSError as error:
            self.problem = self.problem or f"{self.path} cannot be written: {error.strerror}."
        finally:
            os.close(own)

    def close(self) -> None:
        """Flush and let go of the file."""
        self.flush()
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, data: bytes) -> None:
        if self._descriptor < 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self.path, flags, 0o666)
            sync_folder(self.path.parent)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
