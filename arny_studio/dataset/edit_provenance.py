"""Where edited rows come from: at every save, the rows changed since the last one say when, by whom and by which step.

Rows are told apart by content, so the note is on what was saved; the row as it was before keeps its own.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import date

import msgspec
import numpy as np

from arny_studio.dataset.review import Review
from arny_studio.dataset.row_state import Removal
from arny_studio.dataset.undo import Step

MOST_ROWS = 10_000
"""Larger changes are told by the snapshot that is kept before them, and not row by row."""


def titles_by_key(steps: Iterable[Step]) -> dict[int, str]:
    """The rows that these steps gave another text, with the last step's title; empty where there are too many."""
    titles: dict[int, str] = {}
    for step in steps:
        for operation in step.operations:
            if isinstance(operation, Removal):
                continue
            if len(operation.keys) + len(titles) > MOST_ROWS:
                return {}
            titles |= dict.fromkeys(np.asarray(operation.keys).tolist(), step.title)
    return titles


def edited(review: Review, title: str) -> Review:
    """A review that says that its row was edited today."""
    provenance = {**review.provenance, "edited": date.today().isoformat(), "by": _user(), "change": title}
    return msgspec.structs.replace(review, provenance=provenance)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
