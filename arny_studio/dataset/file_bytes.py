"""The bytes of an opened file, read by position.

Not mapped into memory: where another program cuts a mapped file short, looking at it kills the process (SIGBUS),
and the edits that are not yet on the disk with it. A read only comes back short.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from arny_studio.atomic import replaced_file
from arny_studio.dataset.content_hash import OnBytes, hash_of_descriptor
from arny_studio.errors import BadInput, MissingFile

_COPY_BYTES = 4 << 20


class _Closing(Exception):
    """Nobody has asked for the hash, and nobody will."""


class FileBytes:
    """A file that stays readable, as it was opened, when another one takes its name. Safe to read from any thread."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self.size = status.st_size
        self.identity = (status.st_dev, status.st_ino)
        self._hash: str | None = None
        self._is_closing = False
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
        threading.Thread(target=self._hash_ahead, name="content-hash", daemon=True).start()

    @property
    def content_hash(self) -> str:
        """Hash of the whole file; taken once, soon after opening, and the same from then on."""
        self._hash_once()
        assert self._hash is not None, "asked for the hash of a closed file"
        return self._hash

    def was_overwritten(self) -> bool:
        """Whether another program wrote into this very file, so that rows are not to be found any more."""
        return hash_of_descriptor(self._descriptor, self.size) != self.content_hash

    def _hash_once(self, on_progress: OnBytes | None = None) -> None:
        with self._hashing:
            if self._hash is None and self._descriptor >= 0:
                self._hash = hash_of_descriptor(self._descriptor, self.size, on_progress)

    def _hash_ahead(self) -> None:
        with contextlib.suppress(_Closing):
            self._hash_once(self._go_on)

    def _go_on(self, _done: int, _size: int) -> None:
        if self._is_closing:
            raise _Closing

    def link_or_copy(self, target: Path) -> None:
        """Give the opened file one more name, or copy it where it has lost its own or links cannot be made."""
        with contextlib.suppress(OSError):
            os.link(self.path.resolve(), target)
            status = target.stat()
            if (status.st_dev, status.st_ino) == self.identity:
                return
            target.unlink()
        with replaced_file(target) as file:
            for start in range(0, self.size, _COPY_BYTES):
                file.write(self.read(start, min(start + _COPY_BYTES, self.size)))

    def close(self) -> None:
        """Let go of the file; a hash that was only begun in the background is not waited for."""
        self._is_closing = True
        with self._hashing:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()
