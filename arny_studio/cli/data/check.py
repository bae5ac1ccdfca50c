"""`arny data check`: every problem of a dataset."""

from __future__ import annotations

import msgspec
import typer

from arny_studio.cli.data.options import AsJson, ContractName, File
from arny_studio.contract import load_contract
from arny_studio.dataset.checking import check_file, summarise
from arny_studio.jobs.outcome import EXIT_FOUND_PROBLEMS

_SHOWN_PROBLEMS = 50


def check(file: File, contract: ContractName = "router-v1", as_json: AsJson = False) -> None:
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
        raise typer.Exit(EXIT_FOUND_PROBLEMS)
