"""Snapshots of a dataset: before the first save of a day, before bulk operations, and by name.

The content lies once under its hash, however many snapshots name it; where it can, as one more name of bytes that are
on the disk anyway. Each snapshot is one small JSON file. Thinned like Anki's: by day, by week, by month.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from arny_studio.atomic import replaced_file, sync_folder
from arny_studio.dataset.content_hash import content_hash
from arny_studio.errors import BadInput, MissingFile

Reason = Literal["save", "bulk", "named", "outside", "run"]
KEPT: tuple[Reason, ...] = ("named", "run")  # these stay until somebody removes them


class Retention(Struct, frozen=True, kw_only=True):
    """How many snapshots stay that nobody named: the newest ones, then the last of each day, week and month."""

    newest: int = 12
    daily: int = 12
    weekly: int = 10
    monthly: int = 9


class Snapshot(Struct, frozen=True, kw_only=True):
    """A state of a dataset that can be looked at, compared with and gone back to."""

    id: str
    title: str
    at: datetime
    content_hash: str
    size: int  # bytes
    rows: int | None = None
    reason: Reason = "named"


class Snapshots:
    """The snapshots of one dataset, in a folder of its sidecar."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Snapshot]:
        """Every snapshot, the newest first."""
        found = []
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                found.append(msgspec.json.decode(path.read_bytes(), type=Snapshot))
        return sorted(found, key=lambda snapshot: (snapshot.at, snapshot.id), reverse=True)

    def find(self, name: str) -> Snapshot:
        """The newest snapshot with this id or title, or whose id or content hash begins so; `latest` is the newest.

        Raises MissingFile.
        """
        snapshots = self.all()
        for matches in (
            lambda one: name == "latest" or name in (one.id, one.title),
            lambda one: bool(name) and (one.id.startswith(name) or one.content_hash.startswith(name)),
        ):
            found = next(filter(matches, snapshots), None)
            if found is not None:
                return found
        raise MissingFile(f"There is no snapshot {name!r}.", hint="List them with: arny data history list FILE")

    def covers(self, day: datetime, digest: str) -> bool:
        """Whether the first save of the local day needs no snapshot: there was one, or the content is kept anyway."""
        today = day.astimezone().date()
        found = self.all()
        return any(one.reason == "save" and one.at.astimezone().date() == today for one in found) or (
            bool(found) and found[0].content_hash == digest
        )

    def content(self, snapshot: Snapshot) -> Path:
        """The file with a snapshot's content. Raises BadInput where it is gone or no longer what it was."""
        path = self._place(snapshot.content_hash)
        if not path.is_file() or content_hash(path) != snapshot.content_hash:
            raise BadInput(f"The content of the snapshot {snapshot.title!r} is damaged; it cannot be used.")
        return path

    def add(
        self,
        source: Path,
        digest: str,
        *,
        title: str,
        reason: Reason,
        rows: int | None = None,
        bring: Callable[[Path, Path], None] | None = None,
        now: datetime | None = None,
    ) -> Snapshot:
        """Take a snapshot of a file that hashes to `digest`; `bring` says how its bytes come (else a copy)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self._place(digest)
        if not place.exists():
            (bring or cloned)(source, place)
        at = (now or datetime.now()).astimezone()
        snapshot = Snapshot(
            id=self._free_id(at), title=title, at=at, content_hash=digest, size=place.stat().st_size, rows=rows,
            reason=reason,
        )  # fmt: skip
        with replaced_file(self.folder / f"{snapshot.id}.json") as file:
            file.write(msgspec.json.encode(snapshot))
        self.thin(at)
        return snapshot

    def remove(self, snapshots: Iterable[Snapshot]) -> None:
        """Forget snapshots, and the contents that no other one names."""
        for snapshot in snapshots:
            (self.folder / f"{snapshot.id}.json").unlink(missing_ok=True)
        wanted = {snapshot.content_hash for snapshot in self.all()}
        for path in self.folder.glob("*.rows"):
            if path.stem not in wanted:
                path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def thin(self, now: datetime, retention: Retention | None = None) -> list[Snapshot]:
        """Remove the snapshots that nobody named and the retention does not keep; returns them."""
        kept = kept_by(self.all(), retention or Retention())
        gone = [snapshot for snapshot in self.all() if snapshot.id not in kept and snapshot.at <= now]
        if gone:
            self.remove(gone)
        return gone

    def _place(self, digest: str) -> Path:
        return self.folder / f"{digest}.rows"

    def _free_id(self, at: datetime) -> str:
        stamp, number = at.strftime("%Y%m%d-%H%M%S"), 1
        name = stamp
        while (self.folder / f"{name}.json").exists():
            number += 1
            name = f"{stamp}-{number}"
        return name


def kept_by(snapshots: list[Snapshot], retention: Retention) -> set[str]:
    """Ids that stay: all named ones and those of runs, the newest, and the newest of each of the latest days, weeks and months."""
    automatic = [snapshot for snapshot in snapshots if snapshot.reason not in KEPT]
    kept = {snapshot.id for snapshot in snapshots if snapshot.reason in KEPT}
    kept |= {snapshot.id for snapshot in automatic[: retention.newest]}
    for period, count in (("%Y-%m-%d", retention.daily), ("%G-%V", retention.weekly), ("%Y-%m", retention.monthly)):
        newest: dict[str, str] = {}
        for snapshot in automatic:
            newest.setdefault(snapshot.at.astimezone().strftime(period), snapshot.id)
        kept |= set(list(newest.values())[:count])
    return kept


def linked(source: Path, target: Path) -> None:
    """One more name for a file that is about to lose its own; a copy where links cannot be made."""
    try:
        os.link(source, target)
    except OSError:
        cloned(source, target)
    else:
        sync_folder(target.parent)


def cloned(source: Path, target: Path) -> None:
    """A copy of its own; the file system shares the bytes where it can."""
    with source.open("rb") as bytes_in, replaced_file(target) as bytes_out:
        if not _reflinked(bytes_in.fileno(), bytes_out.fileno()):
            shutil.copyfileobj(bytes_in, bytes_out, 4 << 20)


def _reflinked(source: int, target: int) -> bool:
    """Share the blocks of a file (btrfs, XFS); False where the file system cannot."""
    if os.name == "nt":
        return False
    import fcntl

    ficlone = 0x40049409  # _IOW(0x94, 9, int), linux/fs.h
    try:
        fcntl.ioctl(target, ficlone, source)
    except OSError:
        return False
    return True
