"""`arny train --check`: what a training would do, as lines of a terminal, before anything heavy begins."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from arny_studio.cli.running import run_recipe
from arny_studio.jobs.events import AnyEvent, Result
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import EXIT_FINISHED, EXIT_FOUND_PROBLEMS
from arny_studio.recipe import PreflightRecipe, TrainRecipe
from arny_studio.recipe.preflight import Finding, PreflightReport, report_from
from arny_studio.recipe.preflight_wording import bytes_in_words

_MARKS = {"ok": ("✓", "green"), "note": ("·", ""), "warning": ("!", "yellow"), "error": ("✗", "bold red")}
_LINES_SHOWN = 12


def check_training(recipe: TrainRecipe, runs: Path, *, as_json: bool) -> int:
    """Examine a training and print the report; the exit code is 4 where something keeps it from starting."""
    reports: list[PreflightReport] = []

    def keep(event: AnyEvent) -> None:
        if isinstance(event, Result) and event.name == "preflight":
            reports.append(report_from(event.values))

    with tempfile.TemporaryDirectory(prefix="arny-check-") as scratch:
        wanted = PreflightRecipe(title=recipe.title, train=recipe, run_folder=str(runs))
        folder = RunFolder.create(Path(scratch) / "run", wanted)
        outcome, _ = run_recipe("preflight", wanted, folder=folder, quiet=True, is_scratch=True, on_event=keep)
    if not reports:
        return outcome.exit_code
    report = reports[0]
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        _print(report)
    return EXIT_FINISHED if report.can_start else EXIT_FOUND_PROBLEMS


def _print(report: PreflightReport) -> None:
    console = Console(highlight=False)
    for finding in report.findings:
        mark, style = _MARKS[finding.level]
        console.print(mark, style=style, end=" ")
        console.print(f"{finding.title:<16} {finding.text}", markup=False, soft_wrap=True)
        for line in _details(finding):
            console.print(f"{'':<19}{line}", markup=False, style="dim", soft_wrap=True)
    for part in report.memory_parts:
        figures = f"{part.title:<14} {bytes_in_words(part.bytes):>8}  {part.formula}"
        console.print(f"{'':<19}{figures}", markup=False, style="dim", soft_wrap=True)
    console.print("It can start." if report.can_start else "It cannot start.")


def _details(finding: Finding) -> Iterator[str]:
    if finding.lines:
        shown = ", ".join(map(str, finding.lines[:_LINES_SHOWN]))
        more = f" and {finding.count - _LINES_SHOWN:,} more" if finding.count > _LINES_SHOWN else ""
        yield f"{Path(finding.file).name}, {'line' if finding.count == 1 else 'lines'} {shown}{more}"
    if finding.hint:
        yield finding.hint
