"""`python -m arny_studio.workers.data FOLDER`: one pass over a whole dataset, off the window's event loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import check_file, summarise
from arny_studio.dataset.generate.rows import generated_rows, write_generated
from arny_studio.dataset.samples import RowProblem, Sample, write_jsonl
from arny_studio.dataset.splitting import SplitShares, split_file
from arny_studio.jobs.events import Artifact, Finished, Progress, Result, Stage, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import DataRecipe


class _StopRequested(Exception):
    """The pass was asked to end; nothing stands under a final name."""


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Run the pass that the recipe names."""
    recipe = folder.recipe(DataRecipe)
    passes = {"generate": _generate, "check": _check, "split": _split}
    try:
        return passes[recipe.task](recipe, folder, emit, inbox)
    except _StopRequested:
        return Stopped(summary="Stopped; no file was changed.")


def _generate(recipe: DataRecipe, folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished:
    emit(Stage(name="generate", title=f"Write {recipe.rows:,} {recipe.tier} samples", index=1, total=1))
    rows = generated_rows(
        recipe.tier, recipe.rows, seed=recipe.seed, contract=load_contract(recipe.contract), phrases=recipe.phrases
    )

    def report(done: int) -> None:
        emit(Progress(done=done, total=recipe.rows, unit="rows"))
        _stop_if_asked(inbox)

    count = write_generated(Path(recipe.path), rows, report)
    emit(Artifact(kind="dataset", path=recipe.path, size_bytes=Path(recipe.path).stat().st_size))
    return Finished(summary=f"Wrote {count:,} samples.")


def _check(recipe: DataRecipe, folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished:
    emit(Stage(name="check", title="Check every row", index=1, total=1))
    items = _watched(check_file(Path(recipe.path), load_contract(recipe.contract)), emit, inbox)
    summary, problems = summarise(items)
    write_jsonl(folder.outputs / "problems.jsonl", (msgspec.to_builtins(problem) for problem in problems))
    emit(Result(name="check", values=msgspec.to_builtins(summary)))
    said = (
        f"{summary.rows:,} rows, {summary.usable:,} usable, {summary.errors:,} errors, {summary.warnings:,} warnings."
    )
    return Finished(summary=said, found_problems=bool(problems))


def _split(recipe: DataRecipe, folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished:
    emit(Stage(name="split", title="Split by row id", index=1, total=1))
    shares = SplitShares(validation=recipe.validation_share, test=recipe.test_share)
    written = split_file(Path(recipe.path), Path(recipe.path).parent, shares)
    for path, _ in written.values():
        emit(Artifact(kind="dataset", path=str(path), size_bytes=path.stat().st_size))
    return Finished(summary=", ".join(f"{side}: {count:,} rows" for side, (_, count) in written.items()) + ".")


def _watched(items: Iterator[Sample | RowProblem], emit: Emit, inbox: Inbox) -> Iterator[Sample | RowProblem]:
    for count, item in enumerate(items, start=1):
        yield item
        if count % 1000 == 0:
            emit(Progress(done=count, unit="rows"))
            _stop_if_asked(inbox)


def _stop_if_asked(inbox: Inbox) -> None:
    if inbox.stop_requested:
        raise _StopRequested


if __name__ == "__main__":
    run_program("data", main)
