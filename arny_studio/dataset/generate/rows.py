"""Both generators behind one door: rows of a tier, written to a file with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from arny_studio.contract import Contract
from arny_studio.dataset.samples import write_jsonl
from arny_studio.errors import BadRecipe

Tier = Literal["tier1", "tier2"]
Phrases = Literal["train", "test", "shapes"]
_REPORT_EVERY = 250


def generated_rows(
    tier: Tier, rows: int, *, seed: int, contract: Contract, phrases: Phrases = "train"
) -> Iterator[dict[str, Any]]:
    """Rows of one tier, in `messages` form, the same for the same seed on every machine.

    `phrases`: those of training, the held-out ones (`test`), or, for Tier-1 alone, held-out sentence shapes (`shapes`).
    Raises `BadRecipe` at once for shapes of Tier-2.
    """
    if tier == "tier1":
        from arny_studio.dataset.generate.tier1 import generate_tier1

        return generate_tier1(rows, seed=seed, contract=contract, split=phrases)
    if phrases == "shapes":
        raise BadRecipe("Tier-2 has no held-out sentence shapes: choose the phrases 'train' or 'test'.")
    from arny_studio.dataset.generate.tier2 import generate_tier2

    return generate_tier2(rows, seed=seed, contract=contract, split=phrases)


def write_generated(path: Path, rows: Iterator[dict[str, Any]], on_progress: Callable[[int], None]) -> int:
    """Write rows to `path` as a whole or not at all; returns how many. `on_progress` hears the count so far."""
    return write_jsonl(path, _counted(rows, on_progress))


def _counted(rows: Iterator[dict[str, Any]], on_progress: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    for count, row in enumerate(rows, start=1):
        yield row
        if count % _REPORT_EVERY == 0:
            on_progress(count)
