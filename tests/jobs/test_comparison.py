"""Runs side by side."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset.run_snapshots import UsedData
from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.comparison import SPARK_POINTS, compare_runs, spark
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import Finished, Hello, Metric, Result
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.state import RunState, apply
from arny_studio.jobs.wire import encode_line
from arny_studio.recipe import DataRecipe, TrainRecipe


@pytest.fixture
def make_run(tmp_path):
    """A function that writes a run folder with a recipe and a log."""
    data = tmp_path / "train.jsonl"
    data.write_text("{}\n", encoding="utf-8")

    def make(name: str, losses: list[float], *, is_complete: bool = False, **changes) -> RunFolder:
        recipe = TrainRecipe(**{"base": "base", "train_data": str(data), "title": name, **changes})
        run = RunFolder.create(tmp_path / name, recipe)
        log = EventLog(run.events_path)
        steps = [
            Metric(step=number, loss=loss, tokens_per_s=100.0, time_s=10.0 + number)
            for number, loss in enumerate(losses, start=1)
        ]
        for event in (Hello(kind="train", pid=1, time_s=10.0), *steps, Finished(time_s=20.0)):
            log.append(encode_line(event))
        log.close()
        if is_complete:
            run.write_manifest(kind="train", inputs=[data], outputs=[], seed=1, contract="router-v1")
        return run

    make.data = data
    return make


def test_that_only_what_differs_is_listed(make_run):
    runs = [make_run("one", [2.0, 1.0]), make_run("two", [2.0, 0.5], learning_rate=1e-3, packing=True)]
    comparison = compare_runs(runs)
    assert comparison.titles == ["one", "two"]
    found = {each.field: each.values for each in comparison.differences}
    assert found == {"learning_rate": ["0.0002", "0.001"], "packing": ["no", "yes"]}
    assert comparison.data == []


def test_that_the_best_figure_is_marked_and_a_tie_is_not(make_run):
    comparison = compare_runs([make_run("one", [2.0, 1.0]), make_run("two", [2.0, 0.5])])
    rows = {row.name: row for row in comparison.metrics}
    assert (rows["loss"].values, rows["loss"].best) == ([1.0, 0.5], 1)
    assert rows["loss"].sparks == [[2.0, 1.0], [2.0, 0.5]]
    assert (rows["tokens per s"].values, rows["tokens per s"].best) == ([100.0, 100.0], None)
    assert "validation loss" not in rows  # none of them has one
    assert rows["steps"].best is None  # more steps are neither better nor worse


def test_that_a_run_without_a_figure_has_a_gap(make_run):
    comparison = compare_runs([make_run("one", [2.0, 1.0]), make_run("empty", [])])
    loss = next(row for row in comparison.metrics if row.name == "loss")
    assert (loss.values, loss.best, loss.sparks[1]) == ([1.0, None], None, [])


def test_that_a_file_that_was_edited_between_two_runs_differs_by_its_content(make_run):
    first = make_run("one", [1.0], is_complete=True)
    make_run.data.write_text('{"changed": 1}\n', encoding="utf-8")
    second = make_run("two", [1.0], is_complete=True)
    (difference,) = compare_runs([first, second]).data
    assert difference.field == "train_data"
    assert len(set(difference.values)) == 2
    assert all(value.startswith("train.jsonl (") for value in difference.values)


def test_that_states_of_a_file_differ_before_the_runs_are_complete(make_run):
    runs = [make_run(name, [1.0]) for name in ("one", "two", "three")]
    path = str(make_run.data)
    told = [
        UsedData(path=path, content_hash=digest * 8, snapshot=snapshot)
        for digest, snapshot in (("ab", "20261123-101500"), ("cd", None), ("ab", "20261123-101500"))
    ]
    states = [apply(RunState(), Result(name="data", values={"train": msgspec.to_builtins(used)})) for used in told]
    (difference,) = compare_runs(runs, states).data
    kept = "train.jsonl (abababababab, snapshot 20261123-101500)"
    assert difference.values == [kept, "train.jsonl (cdcdcdcdcdcd)", kept]
    assert compare_runs([runs[0], runs[2]], [states[0], states[2]]).data == []


def test_that_states_that_are_known_are_not_read_again(make_run):
    run = make_run("one", [1.0])
    state = run.state()
    run.events_path.unlink()
    assert compare_runs([run], [state]).metrics[0].values == [1.0]


def test_that_a_folder_without_a_recipe_is_refused(tmp_path):
    with pytest.raises(MissingFile):
        compare_runs([RunFolder(tmp_path)])


def test_that_a_run_of_another_kind_is_refused_by_name(make_run, tmp_path):
    check = RunFolder.create(tmp_path / "check", DataRecipe(task="check", path="rows.jsonl"))
    with pytest.raises(BadInput, match="check is a run of the kind data; only trainings"):
        compare_runs([make_run("one", [1.0]), check])


@given(values=st.lists(st.floats(-1e6, 1e6), max_size=200))
def test_that_a_small_curve_is_short_and_stays_within_the_values(values):
    made = spark(values)
    assert len(made) == min(len(values), SPARK_POINTS)
    if values:
        assert min(values) - 1e-6 <= min(made) and max(made) <= max(values) + 1e-6
        assert all(math.isfinite(value) for value in made)
