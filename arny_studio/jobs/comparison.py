"""Runs side by side: what came out of each, and where their recipes and data differ. Reads run folders only."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from arny_studio.dataset.run_snapshots import UsedData
from arny_studio.errors import ArnyError, BadInput
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.state import RunState
from arny_studio.jobs.used_data import short_hash, used_data
from arny_studio.recipe import TrainRecipe

SPARK_POINTS = 24
Better = Literal["lower", "higher", ""]
_DATA_FIELDS = ("train_data", "validation_data")
_NO_DIFFERENCE = ("title", "kind", "foreign", *_DATA_FIELDS)  # names, and what the data lines say
_GIB = 1 << 30


class Difference(Struct, frozen=True, kw_only=True):
    """One field in which the runs differ; `values` has one entry per run."""

    field: str
    values: list[str]


class MetricRow(Struct, frozen=True, kw_only=True):
    """One figure of every run: None where a run has none. `best` is the run whose figure is alone the best.

    `sparks` has at most SPARK_POINTS values of the figure's curve per run, empty where it has none.
    """

    name: str
    values: list[float | None]
    best: int | None = None
    sparks: list[list[float]] = []


class Comparison(Struct, frozen=True, kw_only=True):
    """Everything there is to say about some runs side by side. All lists go by the order of `runs`."""

    runs: list[str]
    titles: list[str]
    differences: list[Difference]
    data: list[Difference]
    metrics: list[MetricRow]


class _Figure(Struct, frozen=True):
    """A figure: its name, which way is better, how it is read from a run, and the column of its small curve."""

    name: str
    better: Better
    read: Callable[[RunState], float | None]
    column: str = ""


def _last(column: str) -> Callable[[RunState], float | None]:
    return lambda state: state.curve.last(column)


def _least(column: str) -> Callable[[RunState], float | None]:
    return lambda state: min((value for _, value in state.curve.points(column)), default=None)


def _usual(column: str) -> Callable[[RunState], float | None]:
    def read(state: RunState) -> float | None:
        values = [value for _, value in state.curve.points(column)]
        return statistics.median(values) if values else None

    return read


FIGURES = (
    _Figure("loss", "lower", _last("loss"), "loss"),
    _Figure("validation loss", "lower", _last("validation_loss"), "validation_loss"),
    _Figure("best validation loss", "lower", _least("validation_loss")),
    _Figure("JSON valid", "higher", _last("json_valid"), "json_valid"),
    _Figure("journeys right", "higher", _last("journey_accuracy"), "journey_accuracy"),
    _Figure("fields right", "higher", _last("field_agreement"), "field_agreement"),
    _Figure("words shared", "higher", _last("word_overlap"), "word_overlap"),
    _Figure("steps", "", lambda state: float(state.step) or None),
    _Figure("epochs", "", _last("epoch")),
    _Figure("tokens", "", _last("tokens")),
    _Figure("tokens per s", "higher", _usual("tokens_per_s"), "tokens_per_s"),
    _Figure("seconds", "lower", lambda state: state.elapsed_s or None),
    _Figure("peak memory, GiB", "lower", lambda state: state.peak_rss_bytes / _GIB or None),
)


def compare_runs(runs: Sequence[RunFolder], states: Sequence[RunState] | None = None) -> Comparison:
    """Compare training runs. `states` spares reading the logs where they are known, in the same order.

    Raises BadInput for a run of another kind, MissingFile or BadRecipe for a folder without a training recipe.
    """
    other = next((run for run in runs if run.kind not in ("train", "")), None)
    if other is not None:
        sentence = f"{other.name} is a run of the kind {other.kind}; only trainings can be compared."
        raise BadInput(sentence, hint="List the runs with: arny runs list")
    known = list(states) if states is not None else [run.state() for run in runs]
    recipes = [run.recipe(TrainRecipe) for run in runs]
    return Comparison(
        runs=[run.name for run in runs],
        titles=[run.title for run in runs],
        differences=_recipe_differences(recipes),
        data=_data_differences(runs, recipes, known),
        metrics=[row for figure in FIGURES if (row := _metric_row(figure, known)) is not None],
    )


def spark(values: Sequence[float], most: int = SPARK_POINTS) -> list[float]:
    """At most `most` means of neighbours, so that the shape of a curve fits into a table's cell."""
    if len(values) <= most:
        return list(values)
    edges = [round(number * len(values) / most) for number in range(most + 1)]
    return [statistics.fmean(values[low:high]) for low, high in pairwise(edges)]


def _metric_row(figure: _Figure, states: Sequence[RunState]) -> MetricRow | None:
    values = [figure.read(state) for state in states]
    if all(value is None for value in values):
        return None
    curves = [_curve(state, figure.column) for state in states] if figure.column else []
    return MetricRow(name=figure.name, values=values, best=_best(values, figure.better), sparks=curves)


def _curve(state: RunState, column: str) -> list[float]:
    values = spark([value for _, value in state.curve.points(column)])
    return values if len(values) > 1 else []


def _best(values: Sequence[float | None], better: Better) -> int | None:
    """The run with the best figure; None where there is no better, nothing to compare with, or a tie."""
    sign = {"lower": -1.0, "higher": 1.0, "": 0.0}[better]
    given = [
        (sign * value, number) for number, value in enumerate(values) if value is not None and math.isfinite(value)
    ]
    if not sign or len(given) < 2:
        return None
    best = max(given)
    return best[1] if [value for value, _ in given].count(best[0]) == 1 else None


def _recipe_differences(recipes: Sequence[TrainRecipe]) -> list[Difference]:
    fields = [field.name for field in msgspec.structs.fields(TrainRecipe) if field.name not in _NO_DIFFERENCE]
    lines = [(name, [getattr(recipe, name) for recipe in recipes]) for name in fields]
    return [
        Difference(field=name, values=[_as_text(value) for value in values])
        for name, values in lines if any(value != values[0] for value in values)
    ]  # fmt: skip


def _data_differences(
    runs: Sequence[RunFolder], recipes: Sequence[TrainRecipe], states: Sequence[RunState]
) -> list[Difference]:
    """Files by name and by content: a file of the same name that was edited in between differs."""
    found = []
    for field in _DATA_FIELDS:
        names = [getattr(recipe, field) for recipe in recipes]
        files = [_file_used(state, name) for state, name in zip(states, names, strict=True)]
        if not all(file.content_hash for file in files if file.path):  # runs of before they told it: by manifest
            files = [_file_recorded(run, name) for run, name in zip(runs, names, strict=True)]
        if any((file.path, file.content_hash) != (files[0].path, files[0].content_hash) for file in files):
            found.append(Difference(field=field, values=[_file_in_words(file) for file in files]))
    return found


def _file_used(state: RunState, name: str) -> UsedData:
    """A dataset as the run told that it found it; without a hash where it told nothing."""
    path = _resolved(name)
    unknown = UsedData(path=path, content_hash="", snapshot=None)
    return next((used for used in used_data(state) if used.path == path), unknown)


def _file_recorded(run: RunFolder, name: str) -> UsedData:
    """A dataset as the run's manifest has it; without a hash where the run is not complete."""
    path = _resolved(name)
    try:
        inputs = run.manifest().inputs
    except ArnyError:
        inputs = []
    digest = next((record.sha256 for record in inputs if record.path == path), "")
    return UsedData(path=path, content_hash=digest, snapshot=None)


def _resolved(name: str) -> str:
    return str(Path(name).resolve()) if name else ""


def _file_in_words(file: UsedData) -> str:
    if not file.path:
        return "none"
    told = ", ".join([short_hash(file.content_hash), *([f"snapshot {file.snapshot}"] if file.snapshot else [])])
    return f"{Path(file.path).name} ({told})" if file.content_hash else Path(file.path).name


def _as_text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(str(part) for part in value)
        case _:
            return str(value) or "none"
