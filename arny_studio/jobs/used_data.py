"""Which state of its datasets a run used, as its worker told it: by content hash, and by the snapshot that keeps it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from arny_studio.dataset.run_snapshots import UsedData
from arny_studio.jobs.state import RunState

_HASH_SHOWN = 12


def used_data(state: RunState) -> list[UsedData]:
    """The datasets of a run, each once, in the order in which it named them; empty before it has read any, and for older runs."""
    found = []
    for values in state.results.get("data", {}).values():
        try:
            found.append(msgspec.convert(values, UsedData))
        except msgspec.ValidationError:  # a log from elsewhere: the run is shown all the same
            continue
    return list(dict.fromkeys(found))  # one file may serve as both sides of the split


def used_in_words(used: UsedData) -> str:
    """`rows.jsonl · 6d2c01f7a9be · snapshot 20261123-101500`."""
    kept = f"snapshot {used.snapshot}" if used.snapshot else "no snapshot"
    return f"{Path(used.path).name} · {short_hash(used.content_hash)} · {kept}"


def short_hash(digest: str) -> str:
    """As much of a content hash as tells two states apart at a glance; `arny data diff --snapshot` takes it too."""
    return digest[:_HASH_SHOWN]
