"""A run in one line: what a list of runs shows, read from the folder without folding its whole log."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from arny_studio.jobs.event_log import last_event
from arny_studio.jobs.events import Failed, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.ui.widgets.chip import Tone

RunStatus = Literal["new", "starting", "running", "stopping", "finished", "stopped", "failed"]

STATUS_TONES: dict[RunStatus, Tone] = {
    "new": "neutral", "starting": "accent", "running": "accent", "stopping": "warning", "finished": "success",
    "stopped": "warning", "failed": "danger",
}  # fmt: skip


class RunSummary(Struct, frozen=True, kw_only=True):
    """One run of the workspace. `made_s` is the Unix time at which its folder was made."""

    folder: RunFolder
    kind: str
    title: str
    status: RunStatus
    made_s: float


def summarise(folder: RunFolder) -> RunSummary:
    """Read what a list shows of a run."""
    return RunSummary(
        folder=folder, kind=folder.kind, title=folder.title, status=status_on_disk(folder), made_s=_made_s(folder.path)
    )


def summaries(folders: Iterable[RunFolder], kinds: Collection[str]) -> list[RunSummary]:
    """The runs of some kinds, in the order given."""
    return [summarise(folder) for folder in folders if folder.kind in kinds]


def status_on_disk(folder: RunFolder) -> RunStatus:
    """How a run stands, by its manifest, its lock and the last line of its log."""
    if folder.is_running:
        return "running"
    if folder.is_complete:
        return "finished"
    match last_event(folder.events_path):
        case Stopped():
            return "stopped"
        case Failed():
            return "failed"
        case None:
            return "new"
        case _:
            return "failed"  # it died, and nobody has written its end yet


def status_of(outcome: Outcome | None, *, has_started: bool, is_stopping: bool) -> RunStatus:
    """How a job of this window stands."""
    if outcome is not None:
        return outcome.kind
    if is_stopping:
        return "stopping"
    return "running" if has_started else "starting"


def _made_s(path: Path) -> float:
    """From the folder's name, which begins with the UTC time; copied folders have a younger file time."""
    try:
        return datetime.strptime(path.name.split("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return path.stat().st_mtime
