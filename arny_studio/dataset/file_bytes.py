"""The bytes of an opened file, read by position.

Not mapped into memory: where another program cuts a mapped file short, looking at it kills the process (SIGBUS),
and the edits that are not yet on the disk with it. A read only comes back short.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from pathlib import Path

from arny_studio.dataset.content_hash import hash_of_descriptor
from arny_studio.errors import BadInput, MissingFile


class FileBytes:
    """A file that stays readable, as it was opened, when another one takes its name. Safe to read from any thread."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self.size = status.st_size
        self.identity = (status.st_dev, status.st_ino)
        self._hash: Future[str] = Future()
        self._hashing = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> FileBytes:
        """Raises MissingFile, or BadInput where the file cannot be read."""
        if not path.is_file():
            raise MissingFile(f"There is no dataset at {path}.")
        try:
            return cls(path, os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)))
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from error

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`; fewer where the file has been cut short."""
        return os.pread(self._descriptor, stop - start, start)

    def read_into(self, buffer: memoryview, start: int) -> int:
        """Fill a buffer from `start` on; returns how many bytes came."""
        return os.preadv(self._descriptor, [buffer], start)

    def hash_in_background(self) -> None:
        """Begin to hash the file, so that `content_hash` need not wait."""
        threading.Thread(target=lambda: self.content_hash, name="content-hash", daemon=True).start()

    @property
    def content_hash(self) -> str:
        """Hash of the whole file; taken once, soon after opening, and the same from then on."""
        with self._hashing:
            if not self._hash.done():
                own = os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDONLY)
                try:
                    self._hash.set_result(hash_of_descriptor(own, self.size))
                finally:
                    os.close(own)
        return self._hash.result()

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
