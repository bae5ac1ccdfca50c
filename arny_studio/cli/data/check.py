"""`arny data check`: every problem of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from arny_studio.cli.data.options import AsJson, ContractName, File
from arny_studio.cli.data.scanning import scanned
from arny_studio.dataset.columns import ScanSummary
from arny_studio.dataset.problem_listing import listed_problems
from arny_studio.dataset.problems import SEVERITIES, kinds_in, mask_of, mask_of_severity
from arny_studio.dataset.row_problems import Limits
from arny_studio.dataset.row_source import FileRows
from arny_studio.dataset.samples import RowProblem
from arny_studio.dataset.scanning import ScanOptions
from arny_studio.jobs.outcome import EXIT_FOUND_PROBLEMS

_SHOWN_PROBLEMS = 50


def check(
    file: File,
    contract: ContractName = "router-v1",
    near: Annotated[bool, typer.Option("--near", help="Also find rows that are almost the same.")] = False,
    against: Annotated[
        Path | None, typer.Option(help="Another dataset whose queries must not occur in this one.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Longest sample, in estimated tokens.")] = None,
    max_characters: Annotated[int | None, typer.Option(min=1, help="Longest sample, in characters.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every row: JSON, roles, decisions against the contract, encoding, duplicates, contradictory labels.

    The gravest problems are listed first. Exit code 4: problems found. Notes (near duplicates, imbalance) are none.
    """
    options = ScanOptions(
        contract=contract, limits=Limits(max_tokens=max_tokens, max_characters=max_characters), near_duplicates=near,
        against=str(against) if against is not None else "",
    )  # fmt: skip
    columns = scanned(file, options, quiet=as_json)
    rows = FileRows.open(file)
    if as_json:
        _print_json(columns.summary, listed_problems(rows, columns, options, file=file.name))
    else:
        by_severity = (mask_of_severity(severity) for severity in SEVERITIES)
        listed = (listed_problems(rows, columns, options, file=file.name, kinds=kinds) for kinds in by_severity)
        _print_text(file, columns.summary, chain.from_iterable(listed))
    if columns.summary.has_problems:
        raise typer.Exit(EXIT_FOUND_PROBLEMS)


def _print_json(summary: ScanSummary, problems: Iterator[RowProblem]) -> None:
    """One object whose list of problems is streamed."""
    print('{"summary":' + msgspec.json.encode(summary).decode() + ',"problems":[', end="")
    for number, problem in enumerate(problems):
        print("," * (number > 0) + msgspec.json.encode(problem).decode(), end="")
    print("]}")


def _print_text(file: Path, summary: ScanSummary, problems: Iterator[RowProblem]) -> None:
    for problem in islice(problems, _SHOWN_PROBLEMS):
        print(f"{problem.severity}: {problem}")
    if next(problems, None) is not None:
        print("… and more; --json prints all.")
    for kind in kinds_in(mask_of(*summary.by_kind)):
        print(f"{summary.by_kind[kind.id]:>9,}  {kind.title.lower()} ({kind.severity})")
    for sentence in summary.imbalance:
        print(f"note: {sentence}")
    counts = f"{summary.rows:,} rows, {summary.usable:,} usable"
    print(f"{file}: {counts}, {summary.errors:,} with errors, {summary.warnings:,} with warnings")
