"""`arny data split`: training, validation and test files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from arny_studio.cli.data.options import AsJson, ContractName, File
from arny_studio.dataset.splitting import SplitReport, SplitShares, split_file


def split(
    file: File,
    validation: Annotated[float, typer.Option(min=0, max=0.99, help="Share of validation rows.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=0.99, help="Share of test rows.")] = 0.0,
    near: Annotated[bool, typer.Option("--near", help="Keep rows that are almost the same on one side.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget where rows went in earlier splits.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; else beside the file.")] = None,
    contract: ContractName = "router-v1",
    as_json: AsJson = False,
) -> None:
    """Split into train, validation and test files: every journey in equal parts, rows that ask the same on one side.

    A row stays on its side in later splits into the same folder, whatever rows come or go and however it is relabelled.
    """
    shares = SplitShares(validation=validation, test=test)
    with Console(stderr=True, quiet=as_json).status(f"Reading {file.name}"):
        report = split_file(
            file, out or file.parent, shares, contract=contract, near_duplicates=near, fresh=fresh
        )  # fmt: skip
    if as_json:
        print(orjson.dumps(_as_json(report)).decode())
        return
    for side, (path, count) in report.sides.items():
        print(f"{side:<11}{count:>9,} rows  {path}")
    if report.remembered:
        print(f"{report.remembered:,} rows stayed where an earlier split put them")
    if report.left_out:
        print(f"{report.left_out:,} rows cannot be used and are on no side; `arny data check` says why")


def _as_json(report: SplitReport) -> dict[str, object]:
    return {side: {"path": str(path), "rows": count} for side, (path, count) in report.sides.items()}
