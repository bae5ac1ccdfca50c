"""`arny data convert`: other forms to `messages` and back."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import orjson
import typer
from rich.console import Console

from arny_studio.cli.data.options import AsJson
from arny_studio.dataset.formats import ConvertReport, convert_file, detect, preview, shape_ids
from arny_studio.jobs.outcome import EXIT_FOUND_PROBLEMS

_SHOWN_PROBLEMS = 20
_SHAPES = ", ".join(shape_ids())


def convert(
    source: Annotated[Path, typer.Argument(help="JSONL, JSON list, CSV or Parquet.", show_default=False)],
    target: Annotated[
        Path | None, typer.Argument(help="File to write: .jsonl, .json, .csv, .tsv or .parquet.", show_default=False)
    ] = None,
    to: Annotated[str, typer.Option("--to", help=f"Form to write: {_SHAPES}.")] = "messages",
    from_: Annotated[str, typer.Option("--from", help=f"Form of the source: {_SHAPES}; else recognised.")] = "",
    as_json: AsJson = False,
) -> None:
    """Convert a dataset; without a target, say what the source is and show what its first five rows would become.

    Unknown keys survive. Exit code 4: there are rows that cannot be converted; they are named and left out.
    """
    if target is None:
        _show_preview(source, from_, to, as_json)
        return
    with Console(stderr=True, quiet=as_json).status(f"Converting {source.name}") as status:
        report = convert_file(
            source, target, shape=from_, to=to,
            on_progress=lambda done: status.update(f"Converting {source.name}: {done:,} rows"),
        )  # fmt: skip
    _print_report(report, as_json)
    if report.left_out:
        raise typer.Exit(EXIT_FOUND_PROBLEMS)


def _show_preview(source: Path, shape: str, to: str, as_json: bool) -> None:
    found = detect(source)
    shown = preview(source, shape=shape, to=to) if shape or found.shape else []
    if as_json:
        print(msgspec.json.encode({"detected": found, "rows": shown}).decode())
        return
    print(f"{source.name}: {found.sentence}")
    for item in shown:
        if item.problem is not None:
            print(f"line {item.line}: {item.problem.sentence}")
        else:
            print(f"line {item.line}: {orjson.dumps(item.row, default=str).decode()}")


def _print_report(report: ConvertReport, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({**msgspec.structs.asdict(report), "path": str(report.path)}).decode())
        return
    for problem in islice(report.problems, _SHOWN_PROBLEMS):
        print(f"left out: {problem}")
    if report.left_out > _SHOWN_PROBLEMS:
        print(f"… and {report.left_out - _SHOWN_PROBLEMS:,} more")
    print(report.sentence)
