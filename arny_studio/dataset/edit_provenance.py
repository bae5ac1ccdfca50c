"""Where edited rows come from: at every save, the rows changed since the last one say when, by whom and by which step.

Rows are known by the hash of what was saved, so the note stays with that text wherever it goes, and the text before it
keeps its own. The log beside the dataset has one entry a step: a line of JSON and behind it eight bytes a row, so that
a bulk operation over a million rows costs eight megabytes and no row a text.
"""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct

from arny_studio.atomic import replaced_file
from arny_studio.dataset.row_hash import row_hashes
from arny_studio.dataset.row_state import FrozenRows, Removal
from arny_studio.dataset.synced_log import SyncedLog
from arny_studio.dataset.text_store import AS_OPENED, TextStore
from arny_studio.dataset.undo import Step
from arny_studio.errors import ArnyError

MOST_HASHES = 8 << 20  # in the log, 64 MiB; the oldest are forgotten
_HASH = np.dtype("<u8")


class Origin(Struct, frozen=True):
    """Which step gave rows the text they were saved with; as many hashes follow as `rows` says."""

    edited: str  # local time, to the second
    by: str
    change: str
    rows: Annotated[int, Meta(ge=0)]


class OriginLog:
    """The origins of a dataset's rows, by row hash. Lookups are cheap enough for whoever looks at one row."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._log = SyncedLog(path)
        self._entries, is_whole = _read(path)
        if not is_whole and not read_only:  # torn by a crash, or more than is kept
            with contextlib.suppress(ArnyError, OSError):  # nobody is kept from a dataset by what is told about it
                self._rewrite()

    @property
    def problem(self) -> str | None:
        """Why origins are not being written, if they are not."""
        return self._log.problem

    def of(self, row_hash: int) -> dict[str, str]:
        """When, by whom and by which step the row with this hash was edited; empty where it is not known."""
        for origin, hashes in reversed(self._entries):
            place = int(np.searchsorted(hashes, np.uint64(row_hash)))
            if place < len(hashes) and int(hashes[place]) == row_hash:
                return {"edited": origin.edited.replace("T", " "), "by": origin.by, "change": origin.change}
        return {}

    def note(self, hashes_by_title: Mapping[str, np.ndarray]) -> None:
        """Rows were saved: their hashes, (rows,) uint64, by the title of the step that they come from."""
        now, user = datetime.now().isoformat(timespec="seconds"), _user()
        for title, hashes in hashes_by_title.items():
            entry = Origin(edited=now, by=user, change=title, rows=len(hashes)), np.sort(hashes)
            self._entries.append(entry)
            self._log.append(_encoded(*entry))

    def close(self) -> None:
        """Flush and let go of the file."""
        self._log.close()

    def _rewrite(self) -> None:
        with replaced_file(self._path) as file:
            for entry in self._entries:
                file.write(_encoded(*entry))


def edited_hashes(steps: Iterable[Step], rows: FrozenRows, texts: TextStore) -> dict[str, np.ndarray]:
    """The hashes, (rows,) uint64, of the rows that these steps gave another text, by the title of the last that did.

    `rows` is the state after the steps; rows that are gone or read as the opened file has them are left out.
    """
    keys, numbers, titles = _last_edits(steps)
    changed = np.flatnonzero(rows.texts != AS_OPENED)
    _, edits, places = np.intersect1d(keys, rows.keys[changed], assume_unique=True, return_indices=True)
    numbers, stored = numbers[edits], rows.texts[changed[places]]
    return {
        titles[number]: row_hashes(map(texts.get, stored[numbers == number].tolist()))
        for number in np.unique(numbers).tolist()
    }


def _last_edits(steps: Iterable[Step]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Every key once, ascending; the number of the title of the last step that gave it a text; the titles."""
    titles: dict[str, int] = {}
    keys, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for step in steps:
        for operation in step.operations:
            if not isinstance(operation, Removal):
                keys.append(np.asarray(operation.keys))
                numbers.append(np.full(len(operation.keys), titles.setdefault(step.title, len(titles))))
    unique, last = np.unique(np.concatenate(keys)[::-1], return_index=True)
    return unique, np.concatenate(numbers)[::-1][last], list(titles)


def _encoded(origin: Origin, hashes: np.ndarray) -> bytes:
    return msgspec.json.encode(origin) + b"\n" + hashes.astype(_HASH).tobytes()


def _read(path: Path) -> tuple[list[tuple[Origin, np.ndarray]], bool]:
    """The entries of a log, oldest first, and whether those are all that stand in it."""
    try:
        data = path.read_bytes()
    except OSError:
        return [], True
    entries: list[tuple[Origin, np.ndarray]] = []
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        try:
            origin = msgspec.json.decode(data[start:end], type=Origin)
        except msgspec.MsgspecError:
            break
        start = end + 1 + origin.rows * _HASH.itemsize
        if start > len(data):
            break
        entries.append((origin, np.frombuffer(data, _HASH, origin.rows, end + 1)))
    kept = _newest(entries)
    return kept, start == len(data) and len(kept) == len(entries)


def _newest(entries: list[tuple[Origin, np.ndarray]]) -> list[tuple[Origin, np.ndarray]]:
    total = 0
    for place in range(len(entries) - 1, -1, -1):
        total += entries[place][0].rows
        if total > MOST_HASHES:
            return entries[place + 1 :]
    return entries


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
