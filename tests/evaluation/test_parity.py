"""Replies of two models → figures and a verdict."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from arny_studio.contract import load_contract
from arny_studio.evaluation.parity import (
    ParityScores,
    Replay,
    Replayed,
    compare,
    is_marked_red,
    judge,
    marked_red,
    worst,
)
from arny_studio.recipe import Limit, ParityLimits

CONTRACT = load_contract()
ANSWER: dict[str, Any] = {
    "intent": "fact_lookup", "primary_journey": "general", "journeys": ["general"], "direct_answer": "Paris",
    "missing_fields": [], "needs_clarification": False, "clarification": None, "needs_execution": False,
    "execution_type": None, "complexity_score": 5, "routing_confidence": 0.97, "formatting_style": "plain",
}  # fmt: skip
STYLES = CONTRACT.schema["properties"]["formatting_style"]["enum"]
ANSWER["formatting_style"] = STYLES[0]


def text(**changes: Any) -> str:
    return json.dumps(ANSWER | changes)


def replay(*replies: Replayed) -> Replay:
    return Replay(replies=list(replies), tokens_per_s=100.0, peak_bytes=1 << 20)


def said(answer: str, **sums: Any) -> Replayed:
    return Replayed(text=answer, tokens=10, **sums)


def compared(before: list[str], after: list[str]) -> tuple[ParityScores, list[Any]]:
    prompts = [(str(number), f"query {number}") for number in range(len(before))]
    return compare(CONTRACT, prompts, replay(*map(said, before)), replay(*map(said, after)))


def test_that_the_same_replies_lose_nothing():
    scores, prompts = compared([text(), text(complexity_score=70)], [text(), text(complexity_score=70)])
    assert (scores.json_valid, scores.json_lost, scores.flips, scores.fields_changed) == (1.0, 0.0, 0.0, 0.0)
    assert set(scores.by_field) == set(CONTRACT.fields)
    assert [prompt.changed for prompt in prompts] == [[], []]
    assert judge(scores, ParityLimits()) == ("green", [])


def test_that_another_journey_or_action_is_a_flip_and_another_wording_is_none():
    journeys = {"primary_journey": "flight", "journeys": ["flight"]}
    scores, prompts = compared(
        [text()] * 4, [text(direct_answer="It is Paris."), text(**journeys), text(complexity_score=80), "no JSON"]
    )
    assert [prompt.is_flip for prompt in prompts] == [False, True, True, True]
    assert [prompt.route for prompt in prompts] == [
        "answer · general", "answer · flight", "reason · general", "router_error"
    ]  # fmt: skip
    assert prompts[0].changed == ["direct_answer"]
    assert [prompt.is_json_lost for prompt in prompts] == [False, False, False, True]
    assert (scores.flips, scores.json_lost, scores.json_valid) == (0.75, 0.25, 0.75)
    assert scores.by_field["direct_answer"] == 0.5
    verdict, reasons = judge(scores, ParityLimits())
    assert verdict == "red"
    assert any("75.0%" in reason and "routed otherwise" in reason for reason in reasons)


def test_that_near_scores_and_confidences_agree():
    _, [prompt] = compared([text(complexity_score=30)], [text(complexity_score=35, routing_confidence=0.93)])
    assert prompt.changed == []
    _, [prompt] = compared([text(complexity_score=30)], [text(complexity_score=36, routing_confidence=0.9)])
    assert prompt.changed == ["complexity_score", "routing_confidence"]


def test_that_a_reference_without_any_valid_decision_cannot_make_a_file_green():
    scores, _ = compared(["hello"], ["hello"])
    verdict, reasons = judge(scores, ParityLimits())
    assert verdict == "amber"
    assert "reference itself" in reasons[0]


def test_that_prose_is_judged_by_its_distributions():
    reference = replay(Replayed(positions=10, nll=5.0, same_top=10))
    candidate = replay(Replayed(positions=10, nll=10.0, kl=4.0, same_top=7))
    scores, [prompt] = compare(None, [("a", "why?")], reference, candidate)
    assert (scores.flips, scores.json_valid, scores.fields_changed) == (None, None, None)
    assert scores.kl == pytest.approx(0.4)
    assert scores.top_token_changed == pytest.approx(0.3)
    assert scores.reference_perplexity == pytest.approx(math.exp(0.5))
    assert scores.perplexity_rise == pytest.approx(math.exp(0.5) - 1)
    assert prompt.same_top == pytest.approx(0.7)
    assert judge(scores, ParityLimits())[0] == "red"


def test_that_a_file_that_was_not_replayed_is_not_green():
    assert judge(ParityScores(prompts=0, positions=0), ParityLimits())[0] == "amber"


def test_that_not_a_number_is_red():
    assert judge(ParityScores(prompts=1, positions=1, kl=math.nan), ParityLimits())[0] == "red"


@given(
    value=some.floats(0, 10), amber=some.floats(0, 5), step=some.floats(0, 5),
    name=some.sampled_from(ParityLimits.__struct_fields__),
)  # fmt: skip
def test_that_each_limit_divides_green_amber_and_red(value: float, amber: float, step: float, name: str):
    wide = {other: Limit(amber=1e9, red=1e9) for other in ParityLimits.__struct_fields__}
    limits = ParityLimits(**(wide | {name: Limit(amber=amber, red=amber + step)}))
    verdict, reasons = judge(ParityScores(prompts=1, positions=1, **{name: value}), limits)
    assert verdict == ("green" if value <= amber else "amber" if value <= amber + step else "red")
    assert bool(reasons) == (verdict != "green")


def test_that_the_mark_of_a_red_file_is_set_once_and_found_again():
    assert marked_red("model-Q4_K_M.gguf") == "model-Q4_K_M.red.gguf"
    assert marked_red(marked_red("model-Q4_K_M.gguf")) == "model-Q4_K_M.red.gguf"
    assert is_marked_red("model-Q4_K_M.red.gguf")
    assert not is_marked_red("infrared.gguf")
    assert worst("green", "red", "amber") == "red"
