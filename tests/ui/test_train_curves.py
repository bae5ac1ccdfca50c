"""The curves of a run as the charts take them: pure functions, and the panels that paint them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PySide6.QtCore import Qt

from arny_studio.jobs.curve import Curve
from arny_studio.jobs.event_log import read_events
from arny_studio.jobs.events import Gpu, Hello, Metric, System
from arny_studio.jobs.state import RunState, fold
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.curve_board import CurveBoard
from arny_studio.ui.train.curve_series import (
    MOST_POINTS,
    PANELS,
    X_KINDS,
    clock_in_words,
    column,
    loss_points,
    loss_series,
    panel_series,
    smoothed,
    thinned,
    trained_seconds,
    x_column,
    x_of_times,
    x_words,
)  # fmt: skip

RECORDED = Path(__file__).parent.parent / "recorded"
numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500)


def a_curve(*metrics: Metric) -> Curve:
    curve = Curve()
    for metric in metrics:
        curve = curve.extended(metric)
    return curve


def recorded(name: str) -> RunState:
    return fold(read_events(RECORDED / name))


@given(values=numbers, most=st.integers(4, 60))
def test_that_thinning_keeps_order_bounds_and_both_extremes(values, most):
    points = (np.arange(len(values), dtype=float), np.array(values))
    steps, kept = thinned(points, most)
    assert len(steps) <= max(most, 2)
    assert (np.diff(steps) > 0).all()
    assert kept.min() == min(values)
    assert kept.max() == max(values)


def test_that_a_hundred_thousand_points_become_four_thousand():
    points = (np.arange(100_000, dtype=float), np.random.default_rng(0).normal(size=100_000))
    assert len(thinned(points)[0]) <= MOST_POINTS


@given(values=numbers)
def test_that_smoothing_stays_within_the_values(values):
    made = smoothed(np.array(values))
    slack = 1e-6 * max(1.0, max(abs(value) for value in values))
    assert made.min() >= min(values) - slack
    assert made.max() <= max(values) + slack


def test_that_a_loss_that_was_not_finite_is_a_gap_and_rows_of_validation_and_answers_are_not():
    curve = a_curve(
        Metric(step=1, loss=2.0), Metric(step=2, loss=None), Metric(step=2, validation_loss=1.5),
        Metric(step=2, json_valid=0.5), Metric(step=3, loss=1.0),
    )  # fmt: skip
    steps, values = loss_points(curve, x_column(curve, "step"))
    assert steps.tolist() == [1, 2, 3]
    assert math.isnan(values[1])
    assert math.isnan(smoothed(values)[1])
    validation = loss_series(curve, "step")[-1]
    assert (validation.key, validation.x.tolist(), validation.y.tolist()) == ("validation_loss", [2], [1.5])


def test_that_a_gap_as_long_as_a_bucket_stays_a_gap_when_thinned():
    values = np.ones(1000)
    values[400:600] = math.nan
    _, kept = thinned((np.arange(1000, dtype=float), values), 20)
    assert np.isnan(kept).any()


def test_that_a_validation_row_stands_between_the_tokens_of_its_neighbours():
    curve = a_curve(
        Metric(step=10, tokens=1000, loss=1.0), Metric(step=15, validation_loss=1.0), Metric(step=20, tokens=3000, loss=1.0)
    )  # fmt: skip
    assert x_column(curve, "tokens").tolist() == [1000, 2000, 3000]


def test_that_an_x_axis_that_no_row_knows_shows_nothing():
    curve = a_curve(Metric(step=1, loss=1.0))
    assert [len(series.x) for series in loss_series(curve, "tokens")] == [0, 0]


def test_that_the_night_between_two_attempts_is_no_training_time():
    times = np.array([0.0, 1.0, 2.0, 3.0, 40_000.0, 40_001.0])
    assert trained_seconds(times).tolist() == [0, 1, 2, 3, 4, 5]


def test_that_moments_outside_the_curve_have_no_place_on_it():
    curve = a_curve(Metric(step=10, loss=1.0, time_s=100.0), Metric(step=20, loss=1.0, time_s=200.0))
    places = x_of_times(curve, np.array([50.0, 150.0, 250.0]), "step")
    assert math.isnan(places[0]) and places[1] == 15.0 and math.isnan(places[2])


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (65, "1:05"), (3599, "59:59"), (3 * 3600 + 420, "3:07 h")])
def test_that_times_on_the_axis_read_like_a_clock(seconds, words):
    assert clock_in_words(seconds) == words


@pytest.mark.parametrize(("value", "words"), [(0.0, "0"), (1500.0, "1.5k"), (2_000_000.0, "2M"), (3e9, "3B")])
def test_that_tokens_on_the_axis_are_short(value, words):
    assert x_words("tokens")(value) == words


# -- the board, over recorded logs of real runs ------------------------------------------------------------------------


@pytest.fixture
def board(qapp, qtbot):
    made = CurveBoard(ThemeSwitcher(qapp, "light"))
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    qtbot.waitExposed(made)
    return made


def shown(board, qtbot, state):
    board.show_state(state)
    qtbot.waitUntil(lambda: board._is_painted(state), timeout=30_000)


def test_that_every_curve_of_a_recorded_run_is_painted(board, qtbot):
    state = recorded("train-finished.jsonl")
    shown(board, qtbot, state)
    assert board.points_shown == sum(1 for _ in state.curve.points("loss"))
    assert set(board.loss.shown) == {"loss", "smoothed", "validation_loss"}
    visible = {key for key, panel in board.panels.items() if panel.isVisible()}
    assert visible == {"answers", "rate", "gradient", "speed", "memory", "load"}  # that machine has no GPU


def test_that_the_x_axis_can_be_steps_epochs_tokens_or_time(board, qtbot):
    state = recorded("train-finished.jsonl")
    shown(board, qtbot, state)
    ends = {}
    for kind in X_KINDS:
        board.over.choose(kind)
        qtbot.waitUntil(lambda: board._is_painted(state), timeout=30_000)
        ends[kind] = board.loss._series["loss"].x[-1]
    assert ends["step"] == state.step
    assert ends["epoch"] == state.curve.last("epoch")
    assert ends["tokens"] == state.curve.last("tokens")
    assert 0 < ends["time"] <= state.elapsed_s


def test_that_a_closed_eye_hides_its_series_and_stays_closed_when_more_comes(board, qtbot):
    state = recorded("train-finished.jsonl")
    shown(board, qtbot, state)
    qtbot.mouseClick(board.loss._eyes["loss"], Qt.MouseButton.LeftButton)
    assert "loss" not in board.loss.shown
    assert not board.loss.chart.is_drawn("loss")
    longer = fold([Metric(step=state.step + 1, loss=1.0)], replace(state, outcome=None))
    shown(board, qtbot, longer)
    assert not board.loss.chart.is_drawn("loss")
    assert board.loss.chart.is_drawn("smoothed")


def test_that_the_cross_of_one_panel_says_the_values_in_all_of_them(board, qtbot):
    state = recorded("train-finished.jsonl")
    shown(board, qtbot, state)
    third = int(column(state.curve, "step")[2])
    board.panels["rate"].pointed.emit(float(third))
    rate = dict(state.curve.points("learning_rate"))[third]
    loss = dict(state.curve.points("loss"))[third]
    assert board.panels["rate"]._value.text() == f"{rate:.3g}"
    assert board.loss._eyes["loss"].text() == f"Each step {loss:.4g}"
    board.loss.pointed.emit(None)
    assert board.loss._eyes["loss"].text() == f"Each step {state.curve.last('loss'):.4g}"


def test_that_the_log_scale_reaches_loss_and_gradient_norm_only(board, qtbot):
    shown(board, qtbot, recorded("train-finished.jsonl"))
    board.log.setChecked(True)
    logs = {key: panel.chart.getAxis("left").logMode for key, panel in board.panels.items() if panel.chart}
    assert board.loss.chart.getAxis("left").logMode
    assert {key for key, is_log in logs.items() if is_log} == {"gradient"}


def test_that_figures_of_a_gpu_get_series_of_their_own():
    gpu = Gpu(index=0, name="T4", percent=97.0, used_bytes=9 << 30, total_bytes=16 << 30, temperature_c=71.0)
    state = fold([
        Hello(kind="train", pid=1), Metric(step=1, loss=2.0, time_s=10.0),
        System(cpu_percent=50.0, ram_used_bytes=4 << 30, ram_total_bytes=8 << 30, gpus=[gpu], time_s=15.0),
        Metric(step=3, loss=1.0, time_s=20.0),
    ])  # fmt: skip
    series = {spec.key: panel_series(state, spec, "step") for spec in PANELS}
    assert {one.key: one.y.tolist() for one in series["memory"]} == {"ram_used_bytes": [4.0], "gpu_used_bytes": [9.0]}
    assert {one.key: one.y.tolist() for one in series["load"]} == {"cpu_percent": [50.0], "gpu_percent": [97.0]}
    assert [(one.x.tolist(), one.y.tolist()) for one in series["heat"]] == [([2.0], [71.0])]
