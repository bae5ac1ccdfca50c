"""Train / validation / test by row id: the same row falls on the same side in every file, order and run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import xxhash
from msgspec import Meta, Struct

from arny_studio.atomic import replaced_file
from arny_studio.dataset.reading import read_samples
from arny_studio.dataset.samples import RowProblem
from arny_studio.errors import BadRecipe

Side = Literal["train", "validation", "test"]


class SplitShares(Struct, frozen=True, kw_only=True):
    """Shares of the sides that are not training; the rest trains."""

    validation: Annotated[float, Meta(ge=0, lt=1, description="Share of validation rows.")] = 0.1
    test: Annotated[float, Meta(ge=0, lt=1, description="Share of test rows.")] = 0.0

    def __post_init__(self) -> None:
        if self.validation + self.test >= 1:
            raise BadRecipe(
                "Validation and test together must leave rows for training (their shares add up to 1 or more)."
            )


def side_of(row_id: str, shares: SplitShares) -> Side:
    """The side of a row: its id hashed to [0, 1) and laid on test, validation, train."""
    place = xxhash.xxh3_64_intdigest(row_id.encode("utf-8", "surrogatepass")) / 2**64
    if place < shares.test:
        return "test"
    return "validation" if place < shares.test + shares.validation else "train"


def split_file(path: Path, out_folder: Path, shares: SplitShares) -> dict[Side, tuple[Path, int]]:
    """Write `<name>.train.jsonl` and the other sides with a share; lines are copied byte for byte.

    Rows that cannot be read are left out of every side; `arny data check` says which they are.
    """
    others: tuple[Side, ...] = ("validation", "test")
    sides: list[Side] = ["train", *(side for side in others if getattr(shares, side) > 0)]
    chosen = {
        item.line: side_of(item.id, shares) for item in read_samples(path) if not isinstance(item, RowProblem)
    }  # fmt: skip
    written: dict[Side, tuple[Path, int]] = {}
    for side in sides:
        target = out_folder / f"{path.stem}.{side}.jsonl"
        lines = {line for line, its_side in chosen.items() if its_side == side}
        _copy_lines(path, target, lines)
        written[side] = (target, len(lines))
    return written


def _copy_lines(source: Path, target: Path, wanted: Iterable[int]) -> None:
    wanted = set(wanted)
    with source.open("rb") as lines, replaced_file(target) as out:
        for number, line in enumerate(lines, start=1):
            if number in wanted:
                out.write(line if line.endswith(b"\n") else line + b"\n")
