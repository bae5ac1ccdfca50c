"""`arny data dedupe`: of rows that say the same keep one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from arny_studio.cli.data.options import AsJson, ContractName, DryRun, File, Out
from arny_studio.cli.data.rewriting import rewrite
from arny_studio.dataset.bulk import DropDuplicates


class Keep(StrEnum):
    """Which row of a group stays."""

    first = "first"
    last = "last"
    most_complete = "most-complete"


def dedupe(
    file: File,
    near: Annotated[bool, typer.Option("--near", help="Also rows that are almost the same.")] = False,
    keep: Annotated[Keep, typer.Option(help="Which row of a group stays.")] = Keep.first,
    contract: ContractName = "router-v1",
    out: Out = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Drop duplicates and save; a snapshot of the file is kept. Rows that differ only in id and the like are the same."""
    operation = DropDuplicates(keep=keep.name, near=near)
    rewrite(file, operation, contract, out=out, dry_run=dry_run, as_json=as_json)
