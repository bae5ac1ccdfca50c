"""`arny data diff`: two datasets, or a dataset and one of its snapshots, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer

from arny_studio.cli.data.options import AsJson, File
from arny_studio.dataset.document import Document
from arny_studio.dataset.row_diff import RowDiff, diff_rows
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.dataset.snapshots import Snapshots
from arny_studio.jobs.outcome import EXIT_FOUND_PROBLEMS

_SHOWN_BYTES = 300


def diff(
    old: File,
    new: Annotated[Path | None, typer.Argument(help="The other file; else see --snapshot.", show_default=False)] = None,
    snapshot: Annotated[
        str, typer.Option(help="Compare with a snapshot of the file: its id, title, or `latest`.")
    ] = "latest",
    limit: Annotated[int, typer.Option(min=0, help="Rows shown of each kind.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say which rows came, went, were changed or only moved. Exit code 4: there are differences."""
    if new is None:
        snapshots = Snapshots(Sidecar(old).snapshots)
        old, new = snapshots.content(snapshots.find(snapshot)), old
    before, after = Document.open(old, read_only=True), Document.open(new, read_only=True)
    found = diff_rows(before, after)
    if as_json:
        print(orjson.dumps(_as_json(found)).decode())
    else:
        _print_text(found, before, after, limit)
    before.close()
    after.close()
    if not found.is_empty:
        raise typer.Exit(EXIT_FOUND_PROBLEMS)


def _as_json(found: RowDiff) -> dict[str, object]:
    """Rows count from 0, each in its own file."""
    return {
        "added": found.added.tolist(), "removed": found.removed.tolist(), "changed": found.changed.tolist(),
        "moved": found.moved.tolist(), "unchanged": found.unchanged,
    }  # fmt: skip


def _print_text(found: RowDiff, before: Document, after: Document, limit: int) -> None:
    for line in _lines(found, before, after, limit):
        print(line)
    counts = {"added": found.added, "removed": found.removed, "changed": found.changed, "moved": found.moved}
    print(", ".join(f"{len(rows):,} {name}" for name, rows in counts.items()) + f", {found.unchanged:,} unchanged")


def _lines(found: RowDiff, before: Document, after: Document, limit: int) -> Iterator[str]:
    for row in found.removed[:limit].tolist():
        yield f"- {before.line_number(row)}: {_shown(before.raw(row))}"
    for row in found.added[:limit].tolist():
        yield f"+ {after.line_number(row)}: {_shown(after.raw(row))}"
    for old, new in found.changed[:limit].tolist():
        yield f"- {before.line_number(old)}: {_shown(before.raw(old))}"
        yield f"+ {after.line_number(new)}: {_shown(after.raw(new))}"
    for old, new in found.moved[:limit].tolist():
        yield f"  line {before.line_number(old)} moved to line {after.line_number(new)}"


def _shown(raw: bytes) -> str:
    text = raw[:_SHOWN_BYTES].decode("utf-8", "replace")
    return text + "…" if len(raw) > _SHOWN_BYTES else text
