"""What a dataset has beside it: its journal, lock, reviews, snapshots and patches, in `.arny/<file name>.d/`.

Nothing in there is called *.jsonl, so that nobody who looks for datasets takes it for one.

Where the dataset's folder cannot be written, the same lies in the workspace under `sidecars/`, by the file's path.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import xxhash

from arny_studio.paths import default_workspace


class Sidecar:
    """The places. Nothing is made before it is needed."""

    def __init__(self, dataset: Path) -> None:
        self.dataset = dataset.resolve()
        self.folder = _folder_of(self.dataset)

    @property
    def journal(self) -> Path:
        """The journal of unsaved changes."""
        return self.folder / "journal"

    @property
    def base(self) -> Path:
        """The file as it was when the journal began, kept from the first save on."""
        return self.folder / "base"

    @property
    def reviews(self) -> Path:
        """Status, tags and notes of rows."""
        return self.folder / "reviews"

    @property
    def origins(self) -> Path:
        """Which edits gave rows their text."""
        return self.folder / "origins"

    @property
    def snapshots(self) -> Path:
        """The folder of snapshots."""
        return self.folder / "snapshots"

    @property
    def patches(self) -> Path:
        """The folder of patches that the journal names."""
        return self.folder / "patches"

    @property
    def lock(self) -> Path:
        """Who may write."""
        return self.folder / "lock"

    @property
    def kept(self) -> Path:
        """Journals that could not be applied to a file changed outside."""
        return self.folder / "kept"

    def drop_session(self) -> None:
        """Remove what only the journal needs, the journal first."""
        self.journal.unlink(missing_ok=True)
        self.base.unlink(missing_ok=True)
        shutil.rmtree(self.patches, ignore_errors=True)

    def set_session_aside(self, name: str) -> Path:
        """Move journal, base and patches to a folder of their own, so that a new session can begin."""
        target = self.kept / name
        target.mkdir(parents=True, exist_ok=True)
        for path in (self.base, self.patches, self.journal):
            if path.exists():
                shutil.move(path, target / path.name)
        return target

    def remove_if_empty(self) -> None:
        """Leave no empty folders behind."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()
            if self.folder.parent.name == ".arny":
                self.folder.parent.rmdir()


class WriteLock:
    """Who may write to a dataset: an OS lock, so that a process that dies holds nobody up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self.holder: int | None = None  # process id of the one who has it, where it is not us

    @property
    def is_held(self) -> bool:
        """Whether we have it."""
        return self._descriptor >= 0

    def acquire(self) -> bool:
        """Take the lock; False, and `holder` set where known, if another window has it."""
        while True:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            if not _lock(descriptor):
                self.holder = _number(os.pread(descriptor, 32, 0))
                os.close(descriptor)
                return False
            if self._is_still_named(descriptor):
                break
            os.close(descriptor)  # its last holder removed the name in between; lock the new file
        self._descriptor, self.holder = descriptor, None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return True

    def release(self) -> None:
        """Give the lock back and remove its file."""
        if self._descriptor < 0:
            return
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def _is_still_named(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except OSError:
            return False


def _lock(descriptor: int) -> bool:
    try:
        if os.name == "nt":  # pragma: no cover
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # a byte far behind the text, which stays readable
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _folder_of(dataset: Path) -> Path:
    beside = dataset.parent / ".arny" / f"{dataset.name}.d"
    existing = next((folder for folder in (beside, *beside.parents) if folder.is_dir()), dataset.parent)
    if os.access(existing, os.W_OK | os.X_OK):
        return beside
    digest = xxhash.xxh3_64_hexdigest(os.fsencode(dataset))
    return default_workspace() / "sidecars" / f"{dataset.name}-{digest}.d"


def _number(text: bytes) -> int | None:
    return int(text) if text.strip().isdigit() else None
