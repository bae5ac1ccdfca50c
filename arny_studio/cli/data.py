"""`arny data check|split`: passes over a dataset, streaming."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import orjson
import typer

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import check_file, summarise
from arny_studio.dataset.splitting import SplitShares, split_file

app = typer.Typer(help="Check and split datasets.", no_args_is_help=True)

FOUND_PROBLEMS = 4
_SHOWN_PROBLEMS = 50

File = Annotated[Path, typer.Argument(help="JSONL file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("check")
def check(
    file: File,
    contract: Annotated[
        str, typer.Option(help="Contract: a built-in id (router-v1, tools-v1) or a .json file.")
    ] = "router-v1",
    as_json: AsJson = False,
) -> None:
    """Check every row: JSON, roles, and decisions against the contract. Exit code 4: problems found."""
    summary, problems = summarise(check_file(file, load_contract(contract)))
    if as_json:
        value = {"summary": summary, "problems": problems}
        print(msgspec.json.encode(value).decode())
    else:
        for problem in problems[:_SHOWN_PROBLEMS]:
            print(f"{problem.severity}: {problem}")
        if len(problems) > _SHOWN_PROBLEMS:
            print(f"… and {len(problems) - _SHOWN_PROBLEMS:,} more; --json prints all.")
        counts = f"{summary.rows:,} rows, {summary.usable:,} usable"
        print(f"{file}: {counts}, {summary.errors:,} errors, {summary.warnings:,} warnings")
    if problems:
        raise typer.Exit(FOUND_PROBLEMS)


@app.command("split")
def split(
    file: File,
    validation: Annotated[float, typer.Option(min=0, max=0.99, help="Share of validation rows.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=0.99, help="Share of test rows.")] = 0.0,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; else beside the file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Split into train, validation and test files by row id, so that a row falls on the same side every time."""
    shares = SplitShares(validation=validation, test=test)
    written = split_file(file, out or file.parent, shares)
    if as_json:
        print(
            orjson.dumps({side: {"path": str(path), "rows": count} for side, (path, count) in written.items()}).decode()
        )
        return
    for side, (path, count) in written.items():
        print(f"{side:<11}{count:>9,} rows  {path}")
