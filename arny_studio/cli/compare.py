"""`arny runs compare`, `tag` and `note`: trainings side by side in a terminal, and what people write about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arny_studio.cli.running import WorkspacePath
from arny_studio.cli.runs import AsJson, RunName
from arny_studio.errors import BadInput
from arny_studio.jobs.annotations import read_annotations, write_annotations
from arny_studio.jobs.comparison import Comparison, Difference, compare_runs, spark
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace

_BLOCKS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH = 10  # what fits beside a figure with three runs on 80 columns


def compare(
    names: Annotated[list[str], typer.Argument(help="Two or more trainings: names, their beginnings, or folders.")],
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
) -> None:
    """Put trainings side by side: figures with small curves, and only what differs in recipe and data."""
    if len(names) < 2:
        raise BadInput("One run alone cannot be compared.", hint="Name a second one; list them with: arny runs list")
    root = _workspace(workspace)
    comparison = compare_runs([root.find_run(name) for name in names])
    if as_json:
        print(msgspec.json.encode(comparison).decode())
        return
    console = Console(highlight=False)
    console.print(_figures(comparison))
    for title, differences in (("Recipe", comparison.differences), ("Data", comparison.data)):
        if differences:
            console.print(_differences(title, comparison, differences))
        else:
            console.print(f"{title}: no difference.", style="dim")


def tag(
    name: RunName,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add.")] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="Tag to take away. Repeatable.")] = None,
    workspace: WorkspacePath = None,
) -> None:
    """Add tags to a run, take some away, and print those it has."""
    run = _workspace(workspace).find_run(name)
    known = read_annotations(run)
    wanted = [word for word in [*known.tags, *(tags or [])] if word not in (drop or [])]
    write_annotations(run, replace(known, tags=wanted))
    print(", ".join(read_annotations(run).tags) or "no tags")


def note(
    name: RunName,
    text: Annotated[str | None, typer.Argument(help="The new note; empty text removes it.")] = None,
    workspace: WorkspacePath = None,
) -> None:
    """Write a note about a run, or print the one it has."""
    run = _workspace(workspace).find_run(name)
    known = read_annotations(run)
    if text is None:
        print(known.note or "no note")
    else:
        write_annotations(run, replace(known, note=text))


def sparkline(values: list[float]) -> str:
    """A curve as a row of blocks, its least value the lowest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = high - low or 1.0
    return "".join(_BLOCKS[round((value - low) / span * (len(_BLOCKS) - 1))] for value in values)


def _figures(comparison: Comparison) -> Table:
    table = _table("Figure", comparison)
    for row in comparison.metrics:
        cells = []
        for number, value in enumerate(row.values):
            text = "" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
            curve = sparkline(spark(row.sparks[number], _SPARK_WIDTH)) if row.sparks else ""
            cells.append(Text(f"{text} {curve}".strip(), style="bold green" if number == row.best else ""))
        table.add_row(row.name, *cells)
    return table


def _differences(title: str, comparison: Comparison, differences: list[Difference]) -> Table:
    table = _table(title, comparison)
    for difference in differences:
        table.add_row(difference.field, *(Text(value) for value in difference.values))
    return table


def _table(first: str, comparison: Comparison) -> Table:
    """Runs of one title are told apart by their folders' names."""
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for title, run in zip(comparison.titles, comparison.runs, strict=True):
        shown = title if comparison.titles.count(title) == 1 else run
        table.add_column(Text(shown), overflow="fold")
    return table


def _workspace(path: Path | None) -> Workspace:
    return Workspace(path if path is not None else default_workspace())
