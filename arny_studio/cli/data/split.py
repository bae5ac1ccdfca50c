"""`arny data split`: train, validation and test files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from arny_studio.cli.data.options import AsJson, File
from arny_studio.dataset.splitting import SplitShares, split_file


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
