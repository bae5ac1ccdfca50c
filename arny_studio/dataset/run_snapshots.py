"""Which state of a dataset a run used: its content hash, and a snapshot that keeps the rows for as long as it is wanted."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from arny_studio.dataset.content_hash import content_hash
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.dataset.snapshots import Snapshots
from arny_studio.errors import ArnyError


class UsedData(Struct, frozen=True, kw_only=True):
    """A dataset as a run found it. Without a snapshot (disk full, folder closed) the hash still says which it was."""

    path: str
    content_hash: str
    snapshot: str | None


def snapshot_for_run(path: Path, run: str) -> UsedData:
    """Keep the dataset as it is now under the run's name; content that is kept already costs nothing.

    Raises MissingFile, or BadInput where the dataset cannot be read.
    """
    digest = content_hash(path)
    sidecar = Sidecar(path)
    snapshots, title = Snapshots(sidecar.snapshots), f"Used by {run}"
    kept = next((one for one in snapshots.all() if (one.title, one.content_hash) == (title, digest)), None)
    if kept is None:
        try:
            kept = snapshots.add(sidecar.dataset, digest, title=title, reason="run")
        except (ArnyError, OSError):
            return UsedData(path=str(path), content_hash=digest, snapshot=None)
    return UsedData(path=str(path), content_hash=digest, snapshot=kept.id)
