"""The hash of a whole file: what tells an outside change from a mere touch, and what a run says it trained on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import xxhash

from arny_studio.errors import BadInput, MissingFile

_BLOCK_BYTES = 1 << 20

OnBytes = Callable[[int, int], None]  # bytes done, bytes in all


def content_hash(path: Path, on_progress: OnBytes | None = None) -> str:
    """xxh3-128 of a file's bytes, in hexadecimal. Raises MissingFile, or BadInput where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            return hash_of_descriptor(file.fileno(), os.fstat(file.fileno()).st_size, on_progress)
    except FileNotFoundError:
        raise MissingFile(f"There is no dataset at {path}.") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def hash_of_descriptor(descriptor: int, size: int, on_progress: OnBytes | None = None) -> str:
    """The same of the first `size` bytes of an open file, whose position stays where it is."""
    hasher = xxhash.xxh3_128()
    block = memoryview(bytearray(_BLOCK_BYTES))
    done = 0
    while done < size:
        count = os.preadv(descriptor, [block[: min(_BLOCK_BYTES, size - done)]], done)
        if not count:
            break
        hasher.update(block[:count])
        done += count
        if on_progress and done % (64 * _BLOCK_BYTES) == 0:
            on_progress(done, size)
    return hasher.hexdigest()
