"""A change of any size as a file: what a worker found out about a million rows, and the window applies in a moment.

Layout: the texts one after the other, then the arrays, then a footer that says how many and how they hash. Written
beside its final name and renamed, so a patch is whole or absent.
"""

from __future__ import annotations

import os
import struct
from array import array
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import xxhash
from msgspec import Struct

from arny_studio.atomic import replaced_file
from arny_studio.dataset.edits import checked_raw
from arny_studio.dataset.row_hash import row_hash
from arny_studio.errors import BadInput

SET, REMOVE, INSERT = 0, 1, 2
_MAGIC = b"arny-patch-1"
_FOOTER = struct.Struct("<QQQ12s")  # entries, bytes of text, xxh3 of the arrays, magic
_ENTRY_BYTES = 1 + 8 + 8 + 8 + 8


class PatchCounts(Struct, frozen=True):
    """What a patch does, in rows."""

    changed: int
    removed: int
    inserted: int


class PatchWriter:
    """Writes a patch, entry by entry; a context manager. Nothing stands under the name if the block fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._file: BinaryIO = self._stack.enter_context(replaced_file(path))
        self._kinds = bytearray()
        self._keys, self._old, self._new, self._ends = array("q"), array("Q"), array("Q"), array("q")
        self._written = 0

    def set(self, key: int, old: bytes, new: bytes) -> None:
        """The row `key`, which says `old`, shall say `new`."""
        self._add(SET, key, row_hash(old), checked_raw(new))

    def remove(self, key: int, old: bytes) -> None:
        """The row `key`, which says `old`, shall go."""
        self._add(REMOVE, key, row_hash(old), b"")

    def insert(self, after: int, raw: bytes) -> None:
        """A new row behind the row `after` (-1: in front of all); several behind the same row keep their order."""
        self._add(INSERT, after, 0, checked_raw(raw))

    @property
    def count(self) -> int:
        """Entries so far."""
        return len(self._kinds)

    def __enter__(self) -> PatchWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write_arrays()
        self._stack.__exit__(kind, error, trace)

    def _add(self, kind: int, key: int, old: int, text: bytes) -> None:
        self._kinds.append(kind)
        self._keys.append(key)
        self._old.append(old)
        self._new.append(row_hash(text))
        self._file.write(text)
        self._written += len(text)
        self._ends.append(self._written)

    def _write_arrays(self) -> None:
        columns = (self._keys, self._old, self._new, self._ends)
        arrays = b"".join(_little_endian(column) for column in columns) + bytes(self._kinds)
        self._file.write(arrays)
        footer = (len(self._kinds), self._written, xxhash.xxh3_64_intdigest(arrays), _MAGIC)
        self._file.write(_FOOTER.pack(*footer))


class PatchFile:
    """An opened patch. Arrays have one item per entry; the texts stay in the file."""

    def __init__(self, path: Path) -> None:
        """Raises BadInput where the file is absent, cut short or altered."""
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise BadInput(f"The patch {path.name} cannot be read: {error.strerror}.") from error
        try:
            self._read_arrays()
        except BadInput:
            self.close()
            raise

    @property
    def count(self) -> int:
        """Entries."""
        return len(self.kinds)

    def text(self, entry: int) -> bytes:
        """The new text of an entry; empty for a removal."""
        start = int(self._ends[entry - 1]) if entry else 0
        return os.pread(self._descriptor, int(self._ends[entry]) - start, start)

    def counts(self) -> PatchCounts:
        """What the patch does, in rows."""
        return PatchCounts(*(int(np.count_nonzero(self.kinds == kind)) for kind in (SET, REMOVE, INSERT)))

    def write_subset(self, wanted: np.ndarray, path: Path) -> None:
        """A patch of the entries where `wanted` (bool, one per entry) is true: apply some of what was previewed."""
        with replaced_file(path) as file:
            chosen = np.flatnonzero(wanted)
            ends, written = np.empty(len(chosen), dtype="<i8"), 0
            for place, entry in enumerate(chosen.tolist()):
                written += file.write(self.text(entry))
                ends[place] = written
            columns = (self.keys, self.old_hashes, self.new_hashes)
            arrays = b"".join(column[chosen].tobytes() for column in columns) + ends.tobytes()
            arrays += self.kinds[chosen].tobytes()
            file.write(arrays + _FOOTER.pack(len(chosen), written, xxhash.xxh3_64_intdigest(arrays), _MAGIC))

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read_arrays(self) -> None:
        size = os.fstat(self._descriptor).st_size
        damaged = BadInput(f"The patch {self.path.name} is damaged.", hint="Prepare the change again.")
        if size < _FOOTER.size:
            raise damaged
        count, text_bytes, checksum, magic = _FOOTER.unpack(
            os.pread(self._descriptor, _FOOTER.size, size - _FOOTER.size)
        )
        if magic != _MAGIC or text_bytes + count * _ENTRY_BYTES + _FOOTER.size != size:
            raise damaged
        data = os.pread(self._descriptor, count * _ENTRY_BYTES, text_bytes)
        if xxhash.xxh3_64_intdigest(data) != checksum:
            raise damaged
        self.keys = np.frombuffer(data, "<i8", count)
        self.old_hashes = np.frombuffer(data, "<u8", count, offset=8 * count)
        self.new_hashes = np.frombuffer(data, "<u8", count, offset=16 * count)
        self._ends = np.frombuffer(data, "<i8", count, offset=24 * count)
        self.kinds = np.frombuffer(data, np.uint8, count, offset=32 * count)


def _little_endian(column: array) -> bytes:
    return (
        np.frombuffer(column, dtype=f"{column.typecode}")
        .astype(f"<{'i8' if column.typecode == 'q' else 'u8'}")
        .tobytes()
    )
