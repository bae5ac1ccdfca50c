"""Both generators behind one door: rows of a tier, written to a file with progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from arny_studio.contract import Contract
from arny_studio.dataset.samples import write_jsonl
from arny_studio.errors import BadRecipe
from arny_studio.spelling import unknown_field_hint

if TYPE_CHECKING:
    from arny_studio.dataset.generate.tier1.mix import Tier1Mix

Tier = Literal["tier1", "tier2"]
Phrases = Literal["train", "phrasings", "test", "shapes"]
_REPORT_EVERY = 250


def generated_rows(
    tier: Tier,
    rows: int,
    *,
    seed: int,
    contract: Contract,
    phrases: Phrases = "train",
    mix: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of one tier, in `messages` form, the same for the same seed on every machine.

    `phrases`: those of training, held-out ones (`test`), or, for Tier-1 alone, held-out ones that name what training
    names (`phrasings`) and held-out sentence shapes (`shapes`).
    `mix`: shares of Tier-1 (fields of `Tier1Mix`) that differ from the usual ones. Raises `BadRecipe` at once for
    phrases or a mix that Tier-2 has not, and for a mix that is none.
    """
    if tier == "tier1":
        from arny_studio.dataset.generate.tier1 import generate_tier1

        return generate_tier1(rows, seed=seed, contract=contract, split=phrases, mix=_mix_of(mix or {}))
    if mix:
        raise BadRecipe("Only a Tier-1 dataset has a mix of journeys and situations.")
    if phrases not in ("train", "test"):
        raise BadRecipe(f"Tier-2 has no phrases {phrases!r}: choose 'train' or 'test'.")
    from arny_studio.dataset.generate.tier2 import generate_tier2

    return generate_tier2(rows, seed=seed, contract=contract, split=phrases)


def _mix_of(shares: Mapping[str, Any]) -> Tier1Mix:
    from arny_studio.dataset.generate.tier1.mix import Tier1Mix

    try:
        return msgspec.convert(dict(shares), Tier1Mix)
    except msgspec.ValidationError as error:
        raise BadRecipe(
            f"The mix: {error}.", hint=unknown_field_hint(str(error), Tier1Mix.__struct_fields__)
        ) from error


def write_generated(path: Path, rows: Iterator[dict[str, Any]], on_progress: Callable[[int], None]) -> int:
    """Write rows to `path` as a whole or not at all; returns how many. `on_progress` hears the count so far."""
    return write_jsonl(path, _counted(rows, on_progress))


def _counted(rows: Iterator[dict[str, Any]], on_progress: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    for count, row in enumerate(rows, start=1):
        yield row
        if count % _REPORT_EVERY == 0:
            on_progress(count)
