"""Text → decision and back, and the action that follows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.contract import Routing, Thresholds, decide, decode, encode, load_contract

ROUTER = load_contract("router-v1")
TOOLS = load_contract("tools-v1")
THRESHOLDS = Thresholds.of(ROUTER)


def decision(**changes):
    plain = {
        "intent": "fact_lookup",
        "primary_journey": "general",
        "journeys": ["general"],
        "direct_answer": "Paris",
        "missing_fields": [],
        "needs_clarification": False,
        "clarification": None,
        "needs_execution": False,
        "execution_type": None,
        "complexity_score": 5,
        "routing_confidence": 0.97,
        "formatting_style": "plain",
    }
    return plain | changes


def action_of(can_reason=True, **changes):
    decoded = decode(ROUTER, encode(ROUTER, decision(**changes)))
    return decide(ROUTER, decoded, thresholds=THRESHOLDS, can_reason=can_reason)


names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
sentences = st.text(min_size=1, max_size=80)


@st.composite
def valid_decisions(draw):
    journeys = draw(st.lists(st.sampled_from(ROUTER.journeys), min_size=1, max_size=4, unique=True))
    missing = draw(st.lists(names, max_size=4))
    execution = draw(st.sampled_from([None, "cloud_agent", "device_action", "api_call"]))
    score = draw(st.integers(0, 100))
    is_quiet = not missing and execution is None
    answer = draw(sentences) if is_quiet and (score < 60 or draw(st.booleans())) else None
    return decision(
        intent=draw(names),
        primary_journey=draw(st.sampled_from(journeys)),
        journeys=journeys,
        direct_answer=answer,
        missing_fields=missing,
        needs_clarification=bool(missing),
        clarification=draw(sentences) if missing else None,
        needs_execution=execution is not None,
        execution_type=execution,
        complexity_score=score,
        routing_confidence=draw(st.floats(0, 1)),
        formatting_style=draw(st.sampled_from(["plain", "list", "table", "steps", "card"])),
    )


@given(valid_decisions())
def test_that_every_decision_built_by_the_rules_is_valid_and_survives_the_round_trip(value):
    decoded = decode(ROUTER, encode(ROUTER, value))
    assert decoded.problems == ()
    assert decoded.decision == value
    assert Routing.of(ROUTER, value).journey in value["journeys"]


@given(valid_decisions(), st.permutations(ROUTER.fields))
def test_that_encoding_is_compact_and_in_contract_order_whatever_the_order_was(value, order):
    shuffled = {name: value[name] for name in order}
    text = encode(ROUTER, shuffled)
    assert list(json.loads(text)) == list(ROUTER.fields)
    assert text == encode(ROUTER, value)


@given(valid_decisions(), st.booleans())
def test_that_every_valid_decision_leads_to_an_action_that_says_why(value, can_reason):
    action = decide(ROUTER, decode(ROUTER, encode(ROUTER, value)), thresholds=THRESHOLDS, can_reason=can_reason)
    assert action.kind != "router_error"
    assert action.because
    if value["routing_confidence"] < 0.5:
        assert action.kind in ("reason", "clarify")
    elif value["needs_clarification"]:
        assert action.kind == "clarify"
    elif value["needs_execution"]:
        assert action.kind == "execute"
    elif value["complexity_score"] >= 60:
        assert action.kind == ("reason" if can_reason else "needs_reasoner")
    else:
        assert (action.kind, action.text) == ("answer", value["direct_answer"])


@given(st.text())
def test_that_any_text_decodes_to_a_decision_or_to_problems(text):
    decoded = decode(ROUTER, text)
    assert decoded.is_valid or decoded.problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"intent": "a", "intent": "b"}', "occurs twice"),
        ('{"routing_confidence": NaN}', "NaN"),
        ("[" * 5000, "not JSON"),
    ],
)
def test_that_text_that_is_no_json_says_why(text, said):
    decoded = decode(ROUTER, text)
    assert not decoded.is_valid
    assert said in decoded.problems[0].sentence


def test_that_sixty_goes_to_tier_2_and_fifty_nine_does_not():
    assert action_of(complexity_score=60, direct_answer=None).kind == "reason"
    assert action_of(complexity_score=59).kind == "answer"


def test_that_an_unsure_router_asks_instead_of_guessing():
    action = action_of(routing_confidence=0.49)
    assert (action.kind, bool(action.text)) == ("clarify", True)


def test_that_an_unsure_router_hands_a_complex_request_to_tier_2_where_it_can():
    unsure = {"routing_confidence": 0.3, "complexity_score": 80, "direct_answer": None}
    assert action_of(**unsure).kind == "reason"
    assert action_of(can_reason=False, **unsure).kind == "clarify"


def test_that_a_complex_execution_is_worded_by_tier_2_only_where_it_can_be_loaded():
    flight = {"needs_execution": True, "execution_type": "cloud_agent", "complexity_score": 70, "direct_answer": None}
    assert action_of(**flight).composes_with_tier2
    assert not action_of(can_reason=False, **flight).composes_with_tier2


def test_that_a_lite_phone_says_that_it_needs_the_reasoner_and_offers_what_tier_1_has():
    action = action_of(can_reason=False, complexity_score=90, direct_answer="In short: both have merits.")
    assert action.kind == "needs_reasoner"
    assert "In short" in action.text


def test_that_an_invalid_decision_is_never_acted_on():
    action = action_of(primary_journey="hotel")
    assert action.kind == "router_error"
    assert "primary_journey" in action.because


def test_that_the_tool_contract_routes_through_the_same_actions():
    value = {
        "intent": "weather", "primary_journey": "general", "journeys": ["general"], "needs_tools": True,
        "tool": "weather.today", "arguments": {"city": "Oslo"}, "missing_fields": [], "needs_clarification": False,
        "clarification": None, "complexity_score": 20, "routing_confidence": 0.9, "formatting_style": "plain",
        "response_template": "It is {temperature} in Oslo.",
    }  # fmt: skip
    decoded = decode(TOOLS, encode(TOOLS, value))
    assert decoded.is_valid
    assert decide(TOOLS, decoded, thresholds=Thresholds.of(TOOLS), can_reason=True).kind == "execute"
    assert not decode(TOOLS, encode(TOOLS, value | {"tool": None})).is_valid
