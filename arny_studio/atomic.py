"""Files that are whole or absent: written beside their final name, flushed to the disk, then renamed."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from arny_studio.errors import BadInput, DiskFull


@contextmanager
def replaced_file(path: Path, *, is_lasting: bool = True) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and leaves no trace when it does not.

    Where it need not be `is_lasting`, the disk is not waited for: a power cut in the next seconds may take the file,
    and `make_lasting` is for who has the time. Symlinks are followed and the mode of an existing file is kept. Raises
    DiskFull where the disk is full.
    """
    target = path.resolve()
    try:
        make_folder(target.parent)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            if is_lasting:
                os.fsync(file.fileno())
        os.chmod(temporary, target.stat().st_mode if target.exists() else 0o666 & ~_umask())  # noqa: PTH101
        temporary.replace(target)
        if is_lasting:
            sync_folder(target.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(
                f"The disk is full: {path} was not written.", hint="Free some room and try again."
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises BadInput where a file is in the way or nothing may be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise BadInput(f"{folder} should be a folder, but a file is in its place.") from error
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be made: {error.strerror}.") from error


def write_text_atomically(path: Path, text: str, *, is_lasting: bool = True) -> None:
    """Replace a text file (UTF-8) as a whole; `is_lasting` as for `replaced_file`."""
    with replaced_file(path, is_lasting=is_lasting) as file:
        file.write(text.encode())


def make_lasting(path: Path) -> None:
    """Wait until a file and its name are on the disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder last through a power cut; Windows does that by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
