"""Arguments and options that the dataset commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help="JSONL file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ContractName = Annotated[
    str, typer.Option("--contract", help="Contract: a built-in id (router-v1, tools-v1) or a .json file.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Change nothing, show the differences. Exit code 4: there are some.")
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Write the result to this file and leave the dataset as it is.")
]
