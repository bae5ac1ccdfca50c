"""`arny data fix` and `arny data bulk`: repairs, and any bulk operation."""

from __future__ import annotations

from typing import Annotated

import typer

from arny_studio.cli.data.options import AsJson, ContractName, DryRun, File, Out
from arny_studio.cli.data.rewriting import rewrite
from arny_studio.cli.data.scanning import rows_matching
from arny_studio.dataset.bulk import OPERATIONS, FixProblems, RepairEncoding, operation_of
from arny_studio.errors import BadRecipe

_OPERATIONS = "; ".join(
    f"{name} ({', '.join(kind.__struct_fields__)})" if kind.__struct_fields__ else name
    for name, kind in OPERATIONS.items()
)


def fix(
    file: File,
    kind: Annotated[
        list[str] | None, typer.Option(help="Fix only this kind of problem (may be given again); else every one.")
    ] = None,
    encoding: Annotated[
        bool, typer.Option("--encoding", help="Only repair encoding, all that ftfy does: quotes and widths, too.")
    ] = False,
    contract: ContractName = "router-v1",
    out: Out = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Repair what can be repaired without inventing anything, and save; a snapshot of the file is kept."""
    operation = RepairEncoding(thorough=True) if encoding else FixProblems(kind=",".join(kind or ["*"]))
    rewrite(file, operation, contract, out=out, dry_run=dry_run, as_json=as_json)


def bulk(
    file: File,
    operation: Annotated[str, typer.Argument(help=f"One of: {_OPERATIONS}.")],
    settings: Annotated[list[str] | None, typer.Argument(help="Its settings, as name=value.")] = None,
    query: Annotated[str, typer.Option("--query", "-q", help="Only rows that match, as in the search field.")] = "",
    contract: ContractName = "router-v1",
    out: Out = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Run a bulk operation over all rows, or those that match, and save; a snapshot of the file is kept.

    For example: arny data bulk d.jsonl replace find=color replacement=colour scope=user
    """
    wanted = operation_of(operation, _settings(settings or []))
    only = rows_matching(file, query, contract, quiet=as_json) if query else None
    rewrite(file, wanted, contract, only=only, out=out, dry_run=dry_run, as_json=as_json)


def _settings(pairs: list[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign:
            raise BadRecipe(f"A setting is written name=value, not {pair!r}.")
        settings[name] = value
    return settings
