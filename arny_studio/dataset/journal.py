"""The journal of a document: every change since it was opened, on the disk before it is saved.

A line that names the format, then records: length, xxh3-64, MessagePack. What follows the first record that is cut
short or does not hash as it says is the torn tail of a crash and is passed over. The first record says which file the
changes belong to; `Saving` says that after some step the file was written and how it hashes since.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import xxhash
from msgspec import Struct

from arny_studio.dataset.edits import TextEdit
from arny_studio.dataset.synced_log import SyncedLog

_MAGIC = b"arny-journal 1\n"
_FRAME = struct.Struct("<IQ")


class Opened(Struct, frozen=True, tag="opened"):
    """The file that the changes belong to."""

    path: str
    content_hash: str
    rows: int


class Applied(Struct, frozen=True, tag="applied"):
    """A change was applied. `old_hashes`: of the rows that SetRow and RemoveRow touched, in their order."""

    serial: int
    title: str
    edits: tuple[TextEdit, ...]
    old_hashes: tuple[int, ...] = ()
    joins: bool = False


class Undone(Struct, frozen=True, tag="undone"):
    """The last change was taken back."""


class Redone(Struct, frozen=True, tag="redone"):
    """The change taken back last was applied again."""


class Saving(Struct, frozen=True, tag="saving"):
    """The state after step `serial` is about to stand under the file's name, where it hashes as said."""

    serial: int
    content_hash: str


Record = Opened | Applied | Undone | Redone | Saving
_decoder = msgspec.msgpack.Decoder(Record)


class JournalContents(Struct, frozen=True):
    """What a journal says. `whole_bytes`: where its torn tail begins, or its end."""

    opened: Opened
    records: tuple[Record, ...]
    whole_bytes: int


class Journal:
    """Writes a journal. Nothing exists on the disk until the first record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = SyncedLog(path)

    @property
    def size(self) -> int:
        """Bytes written; 0 where nothing was."""
        return self._log.size

    @property
    def problem(self) -> str | None:
        """Why changes are not being written, if they are not."""
        return self._log.problem

    def begin(self, opened: Opened) -> None:
        """Write the head, unless the journal has one."""
        if not self._log.is_open and not self.path.exists():
            self._log.append(_MAGIC + _framed(opened))

    def append(self, record: Record) -> None:
        """Add a record; it is on the disk within 250 ms, or after `flush`."""
        self._log.append(_framed(record))

    def flush(self) -> None:
        """Return when all records are on the disk."""
        self._log.flush()

    def go_on(self, whole_bytes: int) -> None:
        """Go on with a journal found on the disk, its torn tail cut off."""
        with self.path.open("r+b") as file:
            file.truncate(whole_bytes)
        self._log.append(b"")

    def close(self) -> None:
        """Flush and let go of the file, which stays."""
        self._log.close()

    def discard(self) -> None:
        """Remove the file: everything it says is saved or unwanted."""
        self._log.close()
        self.path.unlink(missing_ok=True)


def read_journal(path: Path, limit: int | None = None) -> JournalContents | None:
    """What a journal (its first `limit` bytes) says; None where there is none or even its head is torn."""
    try:
        with path.open("rb") as file:
            data = file.read() if limit is None else file.read(limit)
    except OSError:
        return None
    whole, records = len(_MAGIC), []
    if data.startswith(_MAGIC):
        for record, end in _records(data):
            records.append(record)
            whole = end
    if not records or not isinstance(records[0], Opened):
        return None
    return JournalContents(records[0], tuple(records[1:]), whole)


def _framed(record: Record) -> bytes:
    payload = msgspec.msgpack.encode(record)
    return _FRAME.pack(len(payload), xxhash.xxh3_64_intdigest(payload)) + payload


def _records(data: bytes) -> Iterator[tuple[Record, int]]:
    """Whole records, each with the offset behind it."""
    offset, view = len(_MAGIC), memoryview(data)
    while offset + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, offset)
        start, offset = offset + _FRAME.size, offset + _FRAME.size + length
        if offset > len(data) or xxhash.xxh3_64_intdigest(view[start:offset]) != checksum:
            return
        try:
            yield _decoder.decode(view[start:offset]), offset
        except msgspec.MsgspecError:
            return
