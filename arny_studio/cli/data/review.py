"""`arny data review`: decisions, tags and notes on rows, beside the dataset and never in it."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from rich.console import Console

from arny_studio.cli.data.options import AsJson, ContractName, File
from arny_studio.cli.data.rewriting import refuse_if_in_use
from arny_studio.cli.data.scanning import rows_matching
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import Change, JudgeRows
from arny_studio.dataset.judging import Judging, judged_rows
from arny_studio.dataset.review import STATUSES


class Decision(StrEnum):
    """How rows are judged."""

    accepted = "accepted"
    rejected = "rejected"
    flagged = "flagged"
    none = "none"


def review(
    file: File,
    query: Annotated[
        str, typer.Option("--query", "-q", help="Only rows that match, as in the search field; else every row.")
    ] = "",
    status: Annotated[Decision | None, typer.Option(help="The decision on the rows; none: clear it.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Put this tag on (may be given again).")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Take this tag off (may be given again).")] = None,
    note: Annotated[str, typer.Option(help="A note that replaces the one there is.")] = "",
    contract: ContractName = "router-v1",
    as_json: AsJson = False,
) -> None:
    """Judge rows: status, tags, a note. Without any of these, count how the rows have been judged so far.

    They are kept beside the dataset, found by `status:` and `tag:` in a query, and shown in the app.
    For example: arny data review d.jsonl -q "problem:rule" --status flagged --tag check
    """
    judging = Judging(
        status="" if status is None else status.value, tags=tuple(tag or ()), untagged=tuple(untag or ()), note=note
    )
    only = rows_matching(file, query, contract, quiet=as_json) if query else None
    said = _counts(file, only) if judging.is_empty else _judged(file, judging, only)
    if as_json:
        print(orjson.dumps(said).decode())
    else:
        Console(highlight=False, markup=False, soft_wrap=True).print(_in_words(said))


def _judged(file: Path, judging: Judging, only: np.ndarray | None) -> dict[str, Any]:
    document = Document.open(file)
    try:
        refuse_if_in_use(document)
        keys = document.keys if only is None else only
        rows = judged_rows(document, keys, judging)
        document.apply(Change(judging.title, (JudgeRows(rows),)))
        return {"title": judging.title, "looked_at": len(keys), "changed": rows.count}
    finally:
        document.close()


def _counts(file: Path, only: np.ndarray | None) -> dict[str, Any]:
    """How many rows have which status and which tag."""
    document = Document.open(file, read_only=True)
    try:
        hashes = document.hashes() if only is None else document.hashes()[only]
        codes, tags = document.review.columns(hashes)
        statuses = {status.value: 0 for status in Decision}
        for code in codes.tolist():
            statuses[STATUSES[code] or "none"] += 1
        return {"rows": len(hashes), "status": statuses, "tags": Counter(tag for row in tags for tag in row)}
    finally:
        document.close()


def _in_words(said: dict[str, Any]) -> str:
    if "title" in said:
        return f"{said['title']}: {said['changed']:,} of {said['looked_at']:,} rows changed"
    lines = [f"{count:>9,}  {name}" for name, count in said["status"].items()]
    lines += [f"{count:>9,}  tag {name}" for name, count in sorted(said["tags"].items())]
    return "\n".join([f"{said['rows']:,} rows", *lines])
