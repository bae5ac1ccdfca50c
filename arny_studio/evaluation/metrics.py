"""Scores of a router over its predictions on held-out rows. Pure: predictions in, figures out.

A row that the model answered with no usable decision counts as wrong in every score it takes part in; a score that no
row has the truth for is None, never 0 or 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from arny_studio.contract import Contract

BANDS = ((0, 20), (21, 40), (41, 59), (60, 80), (81, 100))


class Prediction(Struct, frozen=True, kw_only=True):
    """One row: what was true and what the model said. `expected` is None where only the journey is known."""

    id: str
    query: str
    expected: dict[str, Any] | None
    expected_journey: str
    text: str
    decision: dict[str, Any] | None  # None where the text is no JSON object
    problems: list[str] = []
    is_schema_valid: bool = False  # JSON, every field there and of its type, range and enum
    is_valid: bool = False  # and every cross-field rule holds
    expected_action: str = ""
    action: str = ""
    ms: float = 0.0
    tokens: int = 0


class RouterScores(Struct, frozen=True, kw_only=True):
    """Shares are 0–1; None where no row could tell. `complexity_mae` is in points of the score (0–100)."""

    rows: int
    json_valid: float | None
    schema_valid: float | None
    decision_valid: float | None
    journey_accuracy: float | None
    intent_accuracy: float | None
    missing_fields_exact: float | None
    complexity_mae: float | None
    complexity_rows: int  # rows whose score could be compared
    band_agreement: float | None
    action_agreement: float | None
    rows_per_s: float | None
    tokens_per_row: float | None
    by_journey: dict[str, dict[str, int]]  # expected → predicted → rows; "" where there was no decision


def score_predictions(contract: Contract, predictions: Sequence[Prediction], *, elapsed_s: float) -> RouterScores:
    """All scores over the predictions, however few."""
    roles = contract.roles
    known = [row for row in predictions if row.expected is not None]
    errors = [error for row in known if (error := _score_error(row, roles.score)) is not None]
    return RouterScores(
        rows=len(predictions),
        json_valid=_share(row.decision is not None for row in predictions),
        schema_valid=_share(row.is_schema_valid for row in predictions),
        decision_valid=_share(row.is_valid for row in predictions),
        journey_accuracy=_share(said(row, roles.journey) == row.expected_journey for row in predictions),
        intent_accuracy=_share(said(row, roles.intent) == truth(row, roles.intent) for row in known),
        missing_fields_exact=_share(_same_set(row, roles.missing) for row in known),
        complexity_mae=sum(errors) / len(errors) if errors else None,
        complexity_rows=len(errors),
        band_agreement=_share(_same_band(row, roles.score) for row in known),
        action_agreement=_share(row.action == row.expected_action for row in predictions if row.expected_action),
        rows_per_s=len(predictions) / elapsed_s if predictions and elapsed_s > 0 else None,
        tokens_per_row=sum(row.tokens for row in predictions) / len(predictions) if predictions else None,
        by_journey=_confusion(predictions, roles.journey),
    )


def band_of(score: object) -> int | None:
    """Index of a complexity score's band in `BANDS`; None where it is no score."""
    if isinstance(score, bool) or not isinstance(score, int | float):
        return None
    return next((n for n, (_, last) in enumerate(BANDS) if 0 <= score <= last), None)


def said(row: Prediction, name: str) -> Any:
    """A field of the model's decision; None where there is no decision or no such field."""
    return row.decision.get(name) if row.decision is not None else None


def truth(row: Prediction, name: str) -> Any:
    """A field of the true decision; None where it is not known."""
    return row.expected.get(name) if row.expected is not None else None


def _share(hits: Iterable[bool]) -> float | None:
    values = list(hits)
    return sum(values) / len(values) if values else None


def _same_set(row: Prediction, name: str) -> bool:
    """Whether both name the same slots; their order says nothing."""
    predicted, expected = said(row, name), truth(row, name)
    if not isinstance(predicted, list) or not isinstance(expected, list):
        return False
    return _counted(predicted) == _counted(expected)


def _counted(values: list[Any]) -> Counter[str]:
    return Counter(str(value) for value in values)


def _same_band(row: Prediction, name: str) -> bool:
    band = band_of(said(row, name))
    return band is not None and band == band_of(truth(row, name))


def _score_error(row: Prediction, name: str) -> float | None:
    predicted, expected = said(row, name), truth(row, name)
    if band_of(predicted) is None or band_of(expected) is None:
        return None
    return abs(predicted - expected)


def _confusion(predictions: Iterable[Prediction], name: str) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for row in predictions:
        predicted = said(row, name)
        counts.setdefault(row.expected_journey, Counter())[predicted if isinstance(predicted, str) else ""] += 1
    return {expected: dict(found.most_common()) for expected, found in sorted(counts.items())}
