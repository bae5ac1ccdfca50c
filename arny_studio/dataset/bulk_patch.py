"""A bulk operation over a whole document, written as a patch that the document takes as one undo step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from arny_studio.contract import Contract
from arny_studio.dataset.bulk import AnyOperation, DropDuplicates
from arny_studio.dataset.dropping import rows_to_drop
from arny_studio.dataset.edits import checked_raw
from arny_studio.dataset.patch_file import PatchWriter
from arny_studio.dataset.row_source import RowSource
from arny_studio.errors import BadInput

PREVIEWED = 50
_LONGEST_PREVIEW = 20_000  # characters of a row that are shown
_PERIOD_ROWS = 1000


class RowChange(Struct, frozen=True, kw_only=True):
    """One row before and after, for a preview. `after` is None where the row goes."""

    key: int
    row: int
    line: int
    before: str
    after: str | None


class PatchReport(Struct, frozen=True, kw_only=True):
    """What a bulk operation does. `failed` rows could not be changed and stay as they are."""

    title: str
    looked_at: int
    changed: int
    removed: int
    failed: int
    why_failed: str = ""  # the first reason
    first: tuple[RowChange, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.changed + self.removed == 0


def write_patch(
    source: RowSource,
    operation: AnyOperation,
    contract: Contract,
    out: Path,
    *,
    only: np.ndarray | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PatchReport:
    """Run an operation over the rows with the keys `only` (None: all), and write what it changes to `out`.

    `on_progress` may raise to end it; nothing stands at `out` then.
    """
    new_row = operation.rewriter(contract)
    wanted = wanted_rows(source, only)
    if isinstance(operation, DropDuplicates):
        wanted = wanted & rows_to_drop(source, operation, contract, within=wanted)
    keys = np.asarray(source.keys)
    counts, first, why = {"changed": 0, "removed": 0, "failed": 0}, [], ""
    with PatchWriter(out) as patch:
        for row, raw in _watched(source, wanted, on_progress):
            try:
                new = new_row(raw)
                if new is not None:
                    checked_raw(new)
            except (BadInput, ValueError, RecursionError) as error:
                counts["failed"] += 1
                why = why or f"line {source.line_number(row)}: {error}"
                continue
            if new == raw:
                continue
            key = int(keys[row])
            if new is None:
                patch.remove(key, raw)
            else:
                patch.set(key, raw, new)
            counts["removed" if new is None else "changed"] += 1
            if len(first) < PREVIEWED:
                first.append(_change(source, row, key, raw, new))
    looked_at = int(np.count_nonzero(wanted))
    return PatchReport(title=operation.title, looked_at=looked_at, why_failed=why, first=tuple(first), **counts)


def wanted_rows(source: RowSource, only: np.ndarray | None) -> np.ndarray:
    """(rows,) bool: the rows whose keys are meant."""
    return np.ones(source.row_count, bool) if only is None else np.isin(source.keys, only)


def as_values(report: PatchReport) -> dict[str, Any]:
    """The report as plain values, for an event or JSON."""
    import msgspec

    return msgspec.to_builtins(report)


def _watched(
    source: RowSource, wanted: np.ndarray, on_progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, bytes]]:
    """The wanted rows with their numbers: streamed where most are wanted, else picked."""
    total = int(np.count_nonzero(wanted))
    if total * 4 > len(wanted):
        picked = ((row, raw) for row, raw in enumerate(source.rows()) if wanted[row])
    else:
        picked = ((row, source.raw(row)) for row in np.flatnonzero(wanted).tolist())
    for done, item in enumerate(picked):
        if on_progress is not None and done % _PERIOD_ROWS == 0:
            on_progress(done, total)
        yield item


def _change(source: RowSource, row: int, key: int, raw: bytes, new: bytes | None) -> RowChange:
    after = None if new is None else _shown(new)
    return RowChange(key=key, row=row, line=source.line_number(row), before=_shown(raw), after=after)


def _shown(raw: bytes) -> str:
    return raw[:_LONGEST_PREVIEW].decode("utf-8", "replace")
