"""The points of the loss chart, and the fields of the form: pure functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.jobs.curve import Curve
from arny_studio.jobs.events import Metric
from arny_studio.ui.train.curve_points import MOST_POINTS, loss_points, smoothed, thinned
from arny_studio.ui.train.recipe_fields import MAIN_FIELDS, PICKED_FIELDS, advanced_fields, fields_of

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500)


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
    _, made = smoothed((np.arange(len(values), dtype=float), np.array(values)))
    slack = 1e-6 * max(1.0, max(abs(value) for value in values))
    assert made.min() >= min(values) - slack
    assert made.max() <= max(values) + slack


def test_that_a_loss_that_was_not_finite_is_a_gap_and_validation_rows_are_not():
    curve = Curve()
    for metric in (
        Metric(step=1, loss=2.0), Metric(step=2, loss=None), Metric(step=2, validation_loss=1.5), Metric(step=3, loss=1.0),
    ):  # fmt: skip
        curve = curve.extended(metric)
    steps, values = loss_points(curve)
    assert steps.tolist() == [1, 2, 3]
    assert math.isnan(values[1])
    assert [each.tolist() for each in loss_points(curve, "validation_loss")] == [[2], [1.5]]
    assert math.isnan(smoothed((steps, values))[1][1])


def test_that_every_field_of_a_recipe_has_a_place_and_help():
    specs = fields_of()
    assert {*MAIN_FIELDS, *PICKED_FIELDS, *advanced_fields()} == set(specs)
    assert all(spec.help for spec in specs.values())


@pytest.mark.parametrize(
    ("field", "bounds"),
    [("lora_r", "1 to 512"), ("learning_rate", "above 0, up to 0.1"), ("lora_dropout", "0 or more, below 1"),
     ("seed", "0 or more"), ("packing", "")],
)  # fmt: skip
def test_that_bounds_are_said_in_words(field, bounds):
    assert fields_of()[field].bounds == bounds


@pytest.mark.parametrize(
    ("value", "is_fine"), [(0.0, False), (1e-4, True), (0.1, True), (0.2, False), (math.nan, False)]
)
def test_that_a_number_out_of_its_bounds_is_refused(value, is_fine):
    assert (fields_of()["learning_rate"].problem_of(value) == "") is is_fine


def test_that_a_gap_as_long_as_a_bucket_stays_a_gap_when_thinned():
    values = np.ones(1000)
    values[400:600] = math.nan
    _, kept = thinned((np.arange(1000, dtype=float), values), 20)
    assert np.isnan(kept).any()
