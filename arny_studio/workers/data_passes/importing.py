"""Look at a file of another form, or write its rows as conversations."""

from __future__ import annotations

from pathlib import Path

import msgspec

from arny_studio.dataset.formats import Preview, convert_file, detect, preview
from arny_studio.jobs.events import Artifact, Finished, Result, Stage
from arny_studio.workers.data_passes.passing import Pass

_SHOWN_CHARACTERS = 4_000


def run(work: Pass) -> Finished:
    """Preview: the result `preview` says what the file is and what its first rows become. Import: write `out`."""
    return _preview(work) if work.recipe.task == "preview" else _import(work)


def _preview(work: Pass) -> Finished:
    recipe = work.recipe
    work.emit(Stage(name="preview", title="Look at the first rows", index=1, total=1))
    found = detect(Path(recipe.path))
    shape = recipe.format or found.shape
    rows = [_shown(item) for item in preview(Path(recipe.path), shape=shape)] if shape else []
    work.emit(Result(name="preview", values={"format": shape, "sentence": found.sentence, "rows": rows}))
    return Finished(summary=found.sentence)


def _import(work: Pass) -> Finished:
    recipe = work.recipe
    target = work.out("imported.jsonl")
    work.emit(Stage(name="import", title=f"Convert {Path(recipe.path).name}", index=1, total=1))
    report = convert_file(
        Path(recipe.path), target, shape=recipe.format, on_progress=lambda done: work.advance(done, None)
    )
    work.emit(Artifact(kind="dataset", path=str(target), size_bytes=target.stat().st_size))
    return Finished(summary=report.sentence, found_problems=bool(report.left_out))


def _shown(item: Preview) -> dict[str, object]:
    return {
        "line": item.line,
        "source": item.source[:_SHOWN_CHARACTERS],
        "row": None if item.row is None else msgspec.to_builtins(item.row),
        "problem": "" if item.problem is None else item.problem.sentence,
    }
