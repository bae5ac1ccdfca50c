"""Train, validation and test: by what is asked, in equal parts of every journey, the same in every run.

Rows that ask the same, and near-duplicates where these were looked for, are one unit and fall on one side, so that no
side has seen the other's answers. Within a journey units are taken in the order of their hash, which nobody chose.
A file beside the sides remembers every side, so that rows stay where they are when others come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from arny_studio.atomic import replaced_file
from arny_studio.dataset.row_source import RowSource, SourceView
from arny_studio.errors import BadInput, BadRecipe

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")
LEFT_OUT = -1


class SplitShares(Struct, frozen=True, kw_only=True):
    """Shares of the sides that are not training; the rest trains."""

    validation: Annotated[float, Meta(ge=0, lt=1, description="Share of validation rows.")] = 0.1
    test: Annotated[float, Meta(ge=0, lt=1, description="Share of test rows.")] = 0.0

    def __post_init__(self) -> None:
        if self.validation + self.test >= 1:
            raise BadRecipe(
                "Validation and test together must leave rows for training (their shares add up to 1 or more)."
            )

    @property
    def sides(self) -> list[Side]:
        """The sides that get rows."""
        return ["train", *(side for side in SIDES[1:] if getattr(self, side) > 0)]


class SplitReport(Struct, frozen=True, kw_only=True):
    """What a split wrote. Rows that could not be read are on no side."""

    sides: dict[Side, tuple[Path, int]]  # file and rows
    left_out: int
    remembered: int  # rows whose side was known from an earlier split


class Frozen:
    """The sides of an earlier split: what was asked, by hash, and where it went."""

    def __init__(self, path: Path, *, forget: bool = False) -> None:
        """Raises BadInput where the file is something else."""
        self.path = path
        self.queries, self.sides = np.zeros(0, np.uint64), np.zeros(0, np.int8)
        if forget or not path.is_file():
            return
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self.queries, self.sides = arrays["queries"], arrays["sides"]
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(f"{path} is not a memory of a split.", hint="Split afresh, or remove it.") from error

    def sides_of(self, queries: np.ndarray) -> np.ndarray:
        """Side of each row as an index into SIDES, int8; LEFT_OUT where it was not there."""
        if not len(self.queries):
            return np.full(len(queries), LEFT_OUT, np.int8)
        places = np.minimum(np.searchsorted(self.queries, queries), len(self.queries) - 1)
        return np.where(self.queries[places] == queries, self.sides[places], LEFT_OUT).astype(np.int8)

    def remember(self, queries: np.ndarray, sides: np.ndarray) -> None:
        """Add sides to the file; those known already stay."""
        known = np.concatenate((self.queries, queries[sides != LEFT_OUT]))
        unique, first = np.unique(known, return_index=True)
        with replaced_file(self.path) as file:
            np.savez(file, queries=unique, sides=np.concatenate((self.sides, sides[sides != LEFT_OUT]))[first])


def split_rows(
    queries: np.ndarray,
    journeys: np.ndarray,
    shares: SplitShares,
    *,
    groups: np.ndarray | None = None,
    frozen: np.ndarray | None = None,
) -> np.ndarray:
    """The side of each row as an index into SIDES, int8.

    queries: uint64 hash of what a row asks, 0 where it cannot be used (LEFT_OUT); journeys: integer codes;
    groups: int64, equal for rows that belong together, -1 for none; frozen: sides known already, else LEFT_OUT.
    A unit of which a part is frozen follows that part.
    """
    usable = np.flatnonzero(queries != 0)
    sides = np.full(len(queries), LEFT_OUT, np.int8)
    if not len(usable):
        return sides
    known = np.full(len(usable), LEFT_OUT, np.int8) if frozen is None else frozen[usable]
    units = _units(queries[usable], None if groups is None else groups[usable])
    sides[usable] = np.where(
        known >= 0, known, _sides_of_units(units, queries[usable], journeys[usable], known, shares)
    )
    return sides


def split_file(
    path: Path,
    folder: Path,
    shares: SplitShares,
    *,
    view: SourceView | None = None,
    contract: str = "router-v1",
    near_duplicates: bool = False,
    fresh: bool = False,
    on_progress: Callable[[str, int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> SplitReport:
    """Scan a dataset and write `<name>.train.jsonl` and the other sides with a share to a folder, row by row the same.

    `view`: the rows with a window's unsaved edits; `near_duplicates`: rows that are almost the same stay together;
    `fresh` forgets earlier splits. Raises what `scanning.scan` raises.
    """
    from arny_studio.dataset.scanning import ScanOptions, scan

    view = view or SourceView(path=str(path))
    options = ScanOptions(contract=contract, near_duplicates=near_duplicates)
    columns = scan(view, options, on_progress=on_progress, should_stop=should_stop)
    query, journey, near = (np.asarray(columns.array(name)) for name in ("query", "journey", "near_group"))
    memory = Frozen(folder / f"{path.stem}.split.npz", forget=fresh)
    known = memory.sides_of(query)
    known[~np.isin(known, [SIDES.index(side) for side in shares.sides])] = LEFT_OUT
    sides = split_rows(query, journey, shares, groups=near if np.any(near >= 0) else None, frozen=known)
    written = _write_sides(view.open(), path.stem, folder, sides, shares)
    memory.remember(query, sides)
    is_placed = sides != LEFT_OUT
    return SplitReport(
        sides=written,
        left_out=int(np.count_nonzero(~is_placed)),
        remembered=int(np.count_nonzero(is_placed & (known != LEFT_OUT))),
    )


def _write_sides(
    source: RowSource, name: str, folder: Path, sides: np.ndarray, shares: SplitShares
) -> dict[Side, tuple[Path, int]]:
    """Write one file per side; file and rows of each."""
    paths: dict[Side, Path] = {side: folder / f"{name}.{side}.jsonl" for side in shares.sides}
    with ExitStack() as stack:
        files = {SIDES.index(side): stack.enter_context(replaced_file(path)) for side, path in paths.items()}
        for raw, side in zip(source.rows(), sides.tolist(), strict=True):
            if side != LEFT_OUT:
                files[side].write(raw + b"\n")
    counts = {side: int(np.count_nonzero(sides == SIDES.index(side))) for side in paths}
    return {side: (paths[side], counts[side]) for side in paths}


def _units(queries: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """A number for each row, equal for rows that are joined by a query or a group, however many steps it takes."""
    _, by_query = np.unique(queries, return_inverse=True)
    if groups is None:
        return by_query
    lone = groups < 0
    labels = groups.copy()
    labels[lone] = groups.max() + 1 + np.arange(np.count_nonzero(lone))
    _, by_group = np.unique(labels, return_inverse=True)
    unit = np.arange(len(queries))
    while True:
        joined = _least_of(_least_of(unit, by_query), by_group)
        if np.array_equal(joined, unit):
            return np.unique(unit, return_inverse=True)[1]
        unit = joined


def _least_of(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    least = np.full(groups.max() + 1, np.iinfo(values.dtype).max, values.dtype)
    np.minimum.at(least, groups, values)
    return least[groups]


def _sides_of_units(
    units: np.ndarray, queries: np.ndarray, journeys: np.ndarray, known: np.ndarray, shares: SplitShares
) -> np.ndarray:
    """The side of each row by that of its unit."""
    order = np.argsort(queries, kind="stable")  # the row with the least hash speaks for its unit
    _, first = np.unique(units[order], return_index=True)
    speakers = order[first]
    sizes = np.bincount(units)
    side = np.full(len(sizes), LEFT_OUT, np.int8)
    frozen = np.flatnonzero(known >= 0)[::-1]
    side[units[frozen]] = known[frozen]
    hashes = queries[speakers]
    for journey in np.unique(journeys[speakers]).tolist():
        members = np.flatnonzero(journeys[speakers] == journey)
        members = members[np.argsort(hashes[members])]
        _fill(side, members, sizes, shares, luck=int(hashes[members[0]] & np.uint64(0xFFFF)) / 65536)
    return side[units]


def _fill(side: np.ndarray, members: np.ndarray, sizes: np.ndarray, shares: SplitShares, *, luck: float) -> None:
    """Give the units of a journey their sides, in the order given, until each side has its share of the rows.

    That share is seldom a whole number: `luck` (0 to below 1, by a hash) says which ones are rounded up.
    """
    total = int(sizes[members].sum())
    for name in ("test", "validation"):
        code = SIDES.index(name)
        has = int(sizes[members[side[members] == code]].sum())
        wanted = int(total * getattr(shares, name) + luck) - has
        free = members[(side[members] == LEFT_OUT) & (sizes[members] <= wanted)]
        side[free[: np.searchsorted(np.cumsum(sizes[free]), wanted, "right")]] = code
    side[members[side[members] == LEFT_OUT]] = SIDES.index("train")
