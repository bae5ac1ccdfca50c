"""Look at every row: the columns, and with `check` every problem in sentences beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from arny_studio.dataset.checking import CountTokens
from arny_studio.dataset.columns import Columns
from arny_studio.dataset.looking import ScanStopped
from arny_studio.dataset.problem_listing import listed_problems
from arny_studio.dataset.row_problems import Limits, estimated_tokens
from arny_studio.dataset.samples import write_jsonl
from arny_studio.dataset.scanning import ScanOptions, scan
from arny_studio.errors import BadInput
from arny_studio.jobs.events import Artifact, Finished, Result, Stage
from arny_studio.workers.data_passes.passing import Pass, StopRequested

_STAGES = {"rows": "Look at every row", "near duplicates": "Compare rows that are almost the same"}


def run(work: Pass) -> Finished:
    """Write the columns to `out`; with the task `check` also `outputs/problems.jsonl`."""
    columns = _scanned(work)
    folder = work.out("columns")
    columns.save(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    work.emit(Artifact(kind="columns", path=str(folder), size_bytes=size))
    if work.recipe.task == "check":
        _write_problems(work, columns)
    summary = columns.summary
    work.emit(Result(name=work.recipe.task, values=msgspec.to_builtins(summary)))
    said = f"{summary.rows:,} rows, {summary.usable:,} usable; {summary.errors:,} rows with errors"
    return Finished(summary=f"{said}, {summary.warnings:,} with warnings.", found_problems=summary.has_problems)


def options_of(work: Pass) -> ScanOptions:
    """What the recipe asks to look for."""
    recipe = work.recipe
    limits = Limits(max_tokens=recipe.max_tokens or None, max_characters=recipe.max_characters or None)
    return ScanOptions(
        contract=recipe.contract, limits=limits, near_duplicates=recipe.near_duplicates, against=recipe.against
    )


def token_counter(base: str) -> CountTokens:
    """Counts the tokens of a conversation as it is trained, with a base model's own template and tokenizer.

    What the template refuses is estimated. Raises MissingFile or BadInput where the folder is no base model.
    """
    from arny_studio.engine.rendering import Renderer

    renderer = Renderer.from_folder(Path(base))

    def count(turns: Sequence[tuple[str, str]]) -> int:
        try:
            return len(renderer.encode([_Turn(role, content) for role, content in turns]).ids)
        except BadInput:
            return estimated_tokens(sum(len(content) for _, content in turns), len(turns))

    return count


class _Turn(NamedTuple):
    role: str
    content: str


def _scanned(work: Pass) -> Columns:
    stages: list[str] = []

    def report(part: str, done: int, total: int) -> None:
        if part not in stages:
            stages.append(part)
            index, count = len(stages), 2 if work.recipe.near_duplicates else 1
            work.emit(Stage(name=part, title=_STAGES[part], index=index, total=count))
        work.advance(done, total, "rows" if part == "rows" else "bands")

    try:
        return scan(
            work.view,
            options_of(work),
            count_tokens=_counter_of(work),
            on_progress=report,
            should_stop=work.should_stop,
        )
    except ScanStopped:
        raise StopRequested from None


def _counter_of(work: Pass) -> Callable[[], CountTokens] | None:
    return partial(token_counter, work.recipe.base) if work.recipe.base else None


def _write_problems(work: Pass, columns: Columns) -> None:
    make = _counter_of(work)
    problems = listed_problems(
        work.view.open(), columns, options_of(work), file=Path(work.recipe.path).name,
        count_tokens=make() if make is not None else None,
    )  # fmt: skip
    write_jsonl(work.folder.outputs / "problems.jsonl", (msgspec.to_builtins(problem) for problem in problems))
