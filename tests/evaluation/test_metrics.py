"""Scores over predictions: pure figures, and what counts as wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.contract import load_contract
from arny_studio.evaluation import BANDS, Prediction, band_of, score_predictions
from tests import pinned_contract as pinned

CONTRACT = load_contract()


def row(expected: dict[str, Any] | None, said: dict[str, Any] | None, **fields: Any) -> Prediction:
    journey = expected["primary_journey"] if expected else "general"
    return Prediction(id="x", query="q", expected=expected, expected_journey=journey, text="", decision=said, **fields)


def test_that_shares_count_rows_without_a_decision_as_wrong():
    rows = [row(pinned.CLARIFY, pinned.CLARIFY), row(pinned.CLARIFY, None), row(pinned.CLARIFY, pinned.ANSWER)]
    scores = score_predictions(CONTRACT, rows, elapsed_s=2.0)
    assert scores.json_valid == pytest.approx(2 / 3)
    assert scores.journey_accuracy == scores.intent_accuracy == scores.missing_fields_exact == pytest.approx(1 / 3)
    assert scores.rows_per_s == 1.5
    assert scores.by_journey == {"flight": {"flight": 1, "": 1, "general": 1}}


def test_that_missing_fields_are_compared_as_a_set():
    swapped = pinned.CLARIFY | {"missing_fields": ["date", "origin"]}
    rows = [row(pinned.CLARIFY | {"missing_fields": ["origin", "date"]}, swapped)]
    assert score_predictions(CONTRACT, rows, elapsed_s=1).missing_fields_exact == 1.0
    twice = pinned.CLARIFY | {"missing_fields": ["date", "date"]}
    assert score_predictions(CONTRACT, [row(pinned.CLARIFY, twice)], elapsed_s=1).missing_fields_exact == 0.0


def test_that_complexity_is_an_error_in_points_over_the_rows_that_have_one():
    rows = [
        row(pinned.ANSWER, pinned.ANSWER | {"complexity_score": 25}),
        row(pinned.ANSWER, pinned.ANSWER | {"complexity_score": 15}),
        row(pinned.ANSWER, pinned.ANSWER | {"complexity_score": "high"}),
        row(pinned.ANSWER, None),
    ]
    scores = score_predictions(CONTRACT, rows, elapsed_s=1)
    assert (scores.complexity_mae, scores.complexity_rows) == (15.0, 2)
    assert scores.band_agreement == 0.25


def test_that_a_score_nobody_knows_the_truth_of_is_none():
    scores = score_predictions(CONTRACT, [row(None, pinned.ANSWER)], elapsed_s=1)
    assert scores.journey_accuracy == 1.0
    assert scores.intent_accuracy is scores.missing_fields_exact is scores.complexity_mae is None
    assert scores.action_agreement is None
    empty = score_predictions(CONTRACT, [], elapsed_s=0)
    assert (empty.rows, empty.json_valid, empty.rows_per_s, empty.by_journey) == (0, None, None, {})


def test_that_bands_cover_every_score_once():
    assert [band_of(score) for score in range(101)] == [
        n for n, (low, high) in enumerate(BANDS) for _ in range(low, high + 1)
    ]
    assert [band_of(value) for value in (-1, 101, True, None, "5", float("nan"))] == [None] * 6


decisions = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "primary_journey": st.sampled_from(["general", "flight"]) | st.integers() | st.none(),
        "missing_fields": st.lists(st.text(max_size=3), max_size=3) | st.text() | st.none(),
        "complexity_score": st.integers() | st.floats() | st.booleans() | st.text(),
        "intent": st.text(max_size=4) | st.lists(st.integers()),
    },
)


@given(st.lists(st.tuples(st.none() | st.just(pinned.ANSWER), decisions), max_size=8))
def test_that_whatever_a_model_says_every_share_is_between_0_and_1(pairs):
    scores = score_predictions(CONTRACT, [row(expected, said) for expected, said in pairs], elapsed_s=1)
    shares = [scores.json_valid, scores.journey_accuracy, scores.missing_fields_exact, scores.band_agreement]
    assert all(share is None or 0 <= share <= 1 for share in shares)
    assert sum(sum(found.values()) for found in scores.by_journey.values()) == len(pairs)
    assert scores.complexity_mae is None or 0 <= scores.complexity_mae <= 100
