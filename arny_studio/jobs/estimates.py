"""What trainings were expected to take on this machine and what they took: the past that corrects the next estimate.

One JSON line per finished training, in the settings folder: it belongs to the machine, not to a workspace.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from arny_studio import paths
from arny_studio.recipe.preflight import Estimate, PreflightReport

FILE = "training-estimates.jsonl"
RUNS_USED = 40  # the newest runs on the same device that may teach the next estimate
_LARGEST_CORRECTION = 20.0
_LIKE_SIZE = 8.0


class PastEstimate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """One finished training: what the formulas said (`raw_…`), what was shown, what happened."""

    device: str  # cpu, or the GPU's name
    engine: str
    raw_s: float
    shown_s: float
    took_s: float
    raw_bytes: float
    shown_bytes: float
    peak_bytes: float


def estimates_path() -> Path:
    """Where this machine keeps its past."""
    return paths.settings_dir() / FILE


def remember(past: PastEstimate, path: Path | None = None) -> None:
    """Add a finished training. Two that end at once do not mix: one short line is one write."""
    path = path if path is not None else estimates_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(past) + b"\n")


def past_estimates(device: str, engine: str, path: Path | None = None) -> list[PastEstimate]:
    """The newest trainings on a device with an engine, oldest first. Lines that cannot be read are passed over."""
    try:
        lines = (path if path is not None else estimates_path()).read_bytes().splitlines()
    except OSError:
        return []
    found = [past for line in lines if (past := _parsed(line)) is not None]
    return [past for past in found if (past.device, past.engine) == (device, engine)][-RUNS_USED:]


def corrected(raw: float, pairs: Sequence[tuple[float, float, float]]) -> Estimate:
    """A raw estimate times the median of actual / raw. `pairs` are (raw, shown, actual) of past runs.

    Only runs of a like size teach: what a short one loses to its start says nothing of a long one. The error that is
    told is that of what was shown then.
    """
    known = [
        (before, shown, actual)
        for before, shown, actual in pairs
        if min(before, shown, actual) > 0 and raw / _LIKE_SIZE <= before <= raw * _LIKE_SIZE
    ]
    if not known:
        return Estimate(value=raw, raw=raw)
    factor = statistics.median(actual / before for before, _shown, actual in known)
    factor = min(_LARGEST_CORRECTION, max(1 / _LARGEST_CORRECTION, factor))
    error = statistics.median(abs(shown / actual - 1) for _before, shown, actual in known)
    return Estimate(value=raw * factor, raw=raw, correction=factor, past_runs=len(known), past_error=error)


def corrected_seconds(raw: float, past: Sequence[PastEstimate]) -> Estimate:
    """The time estimate as it is shown."""
    return corrected(raw, [(run.raw_s, run.shown_s, run.took_s) for run in past])


def corrected_bytes(raw: float, past: Sequence[PastEstimate]) -> Estimate:
    """The memory estimate as it is shown."""
    return corrected(raw, [(run.raw_bytes, run.shown_bytes, run.peak_bytes) for run in past])


def corrected_report(report: PreflightReport, engine: str) -> PreflightReport:
    """The report with both estimates corrected by this machine's past."""
    past = past_estimates(report.device, engine)
    changes = {}
    if report.seconds is not None:
        changes["seconds"] = corrected_seconds(report.seconds.raw, past)
    if report.memory is not None:
        changes["memory"] = corrected_bytes(report.memory.raw, past)
    return replace(report, **changes)


def _parsed(line: bytes) -> PastEstimate | None:
    try:
        return msgspec.json.decode(line, type=PastEstimate)
    except msgspec.MsgspecError:
        return None
