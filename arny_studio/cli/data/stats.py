"""`arny data stats`: a dataset in figures."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arny_studio.cli.data.options import AsJson, ContractName, File
from arny_studio.cli.data.scanning import reviewed, scanned
from arny_studio.dataset.filtering import mask_for
from arny_studio.dataset.query import parse
from arny_studio.dataset.row_source import FileRows
from arny_studio.dataset.scanning import ScanOptions
from arny_studio.dataset.statistics import Bar, Statistics, statistics

_MOST_BARS = 20
_BAR_WIDTH = 30


def stats(
    file: File,
    contract: ContractName = "router-v1",
    query: Annotated[
        str, typer.Option("--query", "-q", help="Count only rows that match, as in the search field.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Count journeys, intents, complexity, confidence, lengths, problems and review status."""
    wanted = parse(query)
    columns = scanned(file, ScanOptions(contract=contract), quiet=as_json)
    review = reviewed(file, columns)
    mask = mask_for(wanted, columns, FileRows.open(file), review=review) if query else None
    found = statistics(columns, mask=mask, review=review)
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _print_tables(found)


def _print_tables(found: Statistics) -> None:
    console = Console(highlight=False)
    of = f" of {found.total:,}" if found.rows != found.total else ""
    console.print(f"{found.rows:,} rows{of}, {found.usable:,} usable, {found.intent_count:,} intents")
    share = found.at_or_above_threshold / found.rows if found.rows else 0.0
    console.print(f"{found.at_or_above_threshold:,} ({share:.0%}) at or above the threshold of {found.threshold}")
    for lengths in found.lengths:
        middle = f"median {lengths.median:,.0f}, 95 % up to {lengths.p95:,.0f}, longest {lengths.longest:,.0f}"
        console.print(f"{lengths.name}: {middle}, {lengths.sum:,.0f} in all")
    parts = (
        ("Journeys", found.journeys), ("Intents", found.intents), ("Complexity", found.complexity),
        ("Confidence", found.confidence), ("Flags", found.flags), ("Problems", found.problems), ("Review", found.review),
    )  # fmt: skip
    for title, bars in parts:
        if bars:
            console.print(_table(title, bars))


def _table(title: str, bars: tuple[Bar, ...]) -> Table:
    table = Table("", "rows", "", title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.columns[1].justify = "right"
    most = max((bar.count for bar in bars), default=0) or 1
    for bar in bars[:_MOST_BARS]:
        table.add_row(Text(bar.label), f"{bar.count:,}", "▇" * round(_BAR_WIDTH * bar.count / most))
    if len(bars) > _MOST_BARS:
        rest = sum(bar.count for bar in bars[_MOST_BARS:])
        table.add_row(Text(f"{len(bars) - _MOST_BARS} more"), f"{rest:,}", "")
    return table
