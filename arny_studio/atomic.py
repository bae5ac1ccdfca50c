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
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and leaves no trace when it does not.

    Symlinks are followed and the mode of an existing file is kept. Raises DiskFull where the disk is full.
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
            os.fsync(file.fileno())
        os.chmod(temporary, target.stat().st_mode if target.exists() else 0o666 & ~_umask())  # noqa: PTH101
        temporary.replace(target)
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


def write_text_atomically(path: Path, text: str) -> None:
    """Replace a text file (UTF-8) as a whole."""
    with replaced_file(path) as file:
        file.write(text.encode())


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
