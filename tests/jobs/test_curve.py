from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.jobs.curve import Curve
from arny_studio.jobs.events import Metric


def grown(steps: list[int]) -> Curve:
    curve = Curve()
    for step in steps:
        curve = curve.extended(Metric(step=step, loss=float(step), time_s=0.0))
    return curve


def test_that_a_gap_is_nan_in_the_column_and_missing_from_the_points() -> None:
    curve = Curve().extended(Metric(step=1, loss=2.0)).extended(Metric(step=2, validation_loss=1.5))
    assert math.isnan(curve.column("loss")[1])
    assert list(curve.points("loss")) == [(1, 2.0)]
    assert list(curve.points("validation_loss")) == [(2, 1.5)]
    assert (curve.last("loss"), curve.last("tokens"), curve.last_step, len(curve)) == (2.0, None, 2, 2)


def test_that_an_unknown_column_is_an_error() -> None:
    with pytest.raises(ValueError, match="tuple"):
        Curve().column("accuracy")


@given(st.lists(st.integers(0, 50), max_size=20), st.lists(st.integers(0, 50), max_size=5), st.integers(0, 20))
def test_that_going_on_from_an_older_curve_leaves_the_newer_one_alone(
    steps: list[int], others: list[int], back: int
) -> None:
    curves = [Curve()]
    for step in steps:
        curves.append(curves[-1].extended(Metric(step=step, loss=1.0)))
    branch = older = curves[max(0, len(curves) - 1 - back)]
    for step in others:
        branch = branch.extended(Metric(step=step, loss=2.0))
    assert list(curves[-1].column("step")) == steps
    assert list(branch.column("step")) == [*steps[: len(older)], *others]
    assert [len(curve) for curve in curves] == list(range(len(steps) + 1))


def test_that_a_resumed_curve_keeps_what_lies_before_its_checkpoint() -> None:
    curve = grown([1, 2, 3, 4, 5])
    assert list(curve.until(3).column("step")) == [1, 2, 3]
    assert curve.until(9) is curve
    assert len(curve) == 5


def test_that_curves_with_the_same_rows_are_equal_gaps_and_all() -> None:
    assert grown([1, 2]) == grown([1, 2])
    assert grown([1, 2]) != grown([1, 3])
    assert grown([1]) != grown([1, 2])
    assert Curve() != "a curve"
    assert repr(grown([1, 2])) == "Curve(2 rows)"
    assert Curve().last_step == 0
