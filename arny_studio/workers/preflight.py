"""Worker: look at what a training would do. `python -m arny_studio.workers.preflight FOLDER`; says a report, trains nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace

from arny_studio.jobs.estimates import corrected_report
from arny_studio.jobs.events import Finished, Log, Result, Stage, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import PreflightRecipe
from arny_studio.recipe.preflight import PreflightReport
from arny_studio.recipe.preflight_wording import estimate_findings

_TOPICS = ("Base model", "Training data", "Validation data", "Memory, time and disk")


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Examine the recipe's training; exit code 4 where something keeps it from starting."""
    recipe = folder.recipe(PreflightRecipe)
    from arny_studio.engine.base_model import look_for_downloads_in
    from arny_studio.engine.preflight import examine, relief_for

    def say(topic: str) -> None:
        emit(Stage(name=topic.lower(), title=topic, index=_TOPICS.index(topic) + 1, total=len(_TOPICS)))

    run_folder = Path(recipe.run_folder) if recipe.run_folder else None
    if run_folder is not None:
        look_for_downloads_in(run_folder.parent / "models")
    report = examine(recipe.train, run_folder=run_folder, say=say)
    report = corrected_report(report, recipe.train.engine)
    report = replace(report, memory_relief=relief_for(recipe.train, report))
    report = replace(report, findings=[*report.findings, *estimate_findings(report)])
    emit(Result(name="preflight", values=msgspec.to_builtins(report)))
    for finding in report.findings:
        if finding.level in ("warning", "error"):
            emit(Log(text=f"{finding.title}: {finding.text}", level=finding.level))
    return Finished(summary=_summary(report), found_problems=not report.can_start)


def _summary(report: PreflightReport) -> str:
    if report.blocker is not None:
        return f"This training cannot start. {report.blocker.title}: {report.blocker.text}"
    return f"This training can start: {report.rows:,} rows, {report.steps:,} steps."


if __name__ == "__main__":
    run_program("preflight", main)
