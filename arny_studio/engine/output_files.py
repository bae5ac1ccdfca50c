"""Large output files: room is asked for before, the file is written beside its name, and gets the name when it is whole.

Every way in which a disk can refuse becomes one sentence that says how many bytes are missing.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arny_studio.atomic import sync_folder
from arny_studio.errors import BadInput, DiskFull

SLACK_BYTES = 1 << 20  # logs, manifests and the file system's own blocks
_FULL = (errno.ENOSPC, errno.EDQUOT)


def require_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Raise DiskFull, with the bytes that are missing, unless `needed_bytes` fit on the disk that holds `folder`."""
    free = shutil.disk_usage(existing_folder(folder)).free
    missing = needed_bytes + SLACK_BYTES - free
    if missing > 0:
        raise disk_full(folder, missing, what)


@contextmanager
def finished_file(out: Path, expected_bytes: int) -> Iterator[Path]:
    """Gives the path of a `.partial` file to write; it takes the name `out` when the block ends well, else it is gone.

    The file is flushed to the disk before it gets its name, and an older file of that name stays until then. Raises
    DiskFull where the disk has no room for `expected_bytes`, before or while they are written.
    """
    require_room(out.parent, expected_bytes, out.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"{out.name}.{os.getpid()}.partial")
    try:
        with disk_full_as_sentence(partial, expected_bytes, out.name):
            yield partial
            _sync(partial)
            partial.replace(out)
            sync_folder(out.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def disk_full_as_sentence(written: Path, expected_bytes: int, what: str) -> Iterator[None]:
    """Turns the system's "no space left" into DiskFull with the bytes that `written` still lacks."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise _too_large(written.parent, expected_bytes, what) from error
        if error.errno in _FULL:
            raise disk_full(written.parent, missing_bytes(written, expected_bytes), what) from error
        raise BadInput(f"{what} cannot be written in {written.parent}: {error.strerror or error}.") from error


def missing_bytes(written: Path, expected_bytes: int) -> int:
    """How much room is lacking to bring `written` to its expected size; at least 1."""
    there = written.stat().st_size if written.exists() else 0
    return max(1, expected_bytes - there - shutil.disk_usage(existing_folder(written.parent)).free)


def disk_full(folder: Path, missing: int, what: str) -> DiskFull:
    """The sentence about a full disk."""
    return DiskFull(
        f"There is no room for {what}: {missing:,} bytes ({missing / 2**20:,.1f} MiB) more are needed on the disk of"
        f" {folder}.",
        hint="Free some room there, or write to another disk.",
    )


def _too_large(folder: Path, size_bytes: int, what: str) -> DiskFull:
    return DiskFull(
        f"{what} takes {size_bytes:,} bytes, which is more than one file may hold in {folder}.",
        hint="Write to another disk (a FAT disk stops at 4 GiB), or raise the limit of `ulimit -f`.",
    )


def existing_folder(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
