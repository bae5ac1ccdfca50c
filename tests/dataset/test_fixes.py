"""Repairs of single rows: what follows is filled in, what a person must say is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.fixes import fixed_row, has_fix
from arny_studio.dataset.problems import KINDS, kind_of
from tests.dataset.rows import ANSWER, conversation, decided, raw_rows, without

CONTRACT = load_contract()
CHECKER = RowChecker(CONTRACT)


def decision(raw):
    return json.loads(json.loads(raw)["messages"][-1]["content"])


def turns(raw):
    return [(turn["role"], turn["content"]) for turn in json.loads(raw)["messages"]]


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("unknown-journey", {"primary_journey": "Hotels", "journeys": ["Hotels", "hotel"]}, {"primary_journey": "hotel", "journeys": ["hotel"]}),
        ("unknown-journey", {"primary_journey": "Math Solver", "journeys": ["math-solver"]}, {"primary_journey": "math_solver", "journeys": ["math_solver"]}),
        ("schema", {"complexity_score": "45"}, {"complexity_score": 45}),
        ("schema", {"complexity_score": 140}, {"complexity_score": 100}),
        ("schema", {"complexity_score": 44.6}, {"complexity_score": 45}),
        ("schema", {"routing_confidence": "88%"}, {"routing_confidence": 0.88}),
        ("schema", {"intent": "Say Hello!"}, {"intent": "say_hello"}),
        ("schema", {"missing_fields": None}, {"missing_fields": []}),
        ("schema", {"needs_execution": "no"}, {"needs_execution": False}),
        ("rule", {"primary_journey": "hotel"}, {"journeys": ["hotel", "general"]}),
        ("rule", {"journeys": ["general", "general"]}, {"journeys": ["general"]}),
        ("rule", {"needs_execution": True, "execution_type": "api_call"}, {"direct_answer": None}),
        ("rule", {"needs_execution": True}, {"needs_execution": False}),
        ("rule", {"missing_fields": ["city"], "clarification": "Which city?", "direct_answer": None}, {"needs_clarification": True}),
    ],
)  # fmt: skip
def test_that_a_decision_is_repaired_from_its_own_fields_and_the_contract(kind, fields, expected):
    fixed = fixed_row(kind, decided(**fields), CONTRACT)
    assert fixed is not None
    assert decision(fixed) == ANSWER | fields | expected


def test_that_missing_fields_are_added_in_contract_order_as_far_as_they_follow():
    fixed = fixed_row(
        "missing-field", without("journeys", "needs_execution", "execution_type", "formatting_style"), CONTRACT
    )
    assert fixed is not None
    assert list(decision(fixed)) == list(CONTRACT.fields)
    assert decision(fixed) == ANSWER
    partly = fixed_row("missing-field", without("needs_execution", "intent"), CONTRACT)
    assert partly is not None and "intent" not in decision(partly)
    assert fixed_row("missing-field", without("intent"), CONTRACT) is None


def test_that_nothing_is_invented_where_a_person_has_to_say_it():
    asks_without_a_question = decided(needs_clarification=True, direct_answer=None)
    fixed = fixed_row("rule", asks_without_a_question, CONTRACT)
    assert fixed is None or decision(fixed)["clarification"] is None
    assert fixed_row("rule", decided(direct_answer=None), CONTRACT) is None
    assert fixed_row("unknown-journey", decided(primary_journey="qqqqqq", journeys=["qqqqqq"]), CONTRACT) is None


def test_that_only_the_faulty_field_changes_and_other_spelling_stays():
    raw = b'{ "messages" : [{"role":"user","content":"hi"}, {"role":"assistant","content":' + json.dumps(
        json.dumps(ANSWER | {"complexity_score": "7"}, separators=(", ", ": ")).replace("0.95", "9.50e-1")
    ).encode() + b'}], "x": 1.0e3}'  # fmt: skip
    fixed = fixed_row("schema", raw, CONTRACT)
    assert fixed == raw.replace(rb"\"complexity_score\": \"7\"", rb"\"complexity_score\": 7")


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("order", conversation(("user", "a"), ("user", "b"), ("assistant", "c")), [("user", "a\n\nb"), ("assistant", "c")]),
        ("order", conversation(("user", "a"), ("assistant", "b"), ("user", "c")), [("user", "a"), ("assistant", "b")]),
        ("empty-turn", conversation(("user", "a"), ("assistant", " "), ("user", "b"), ("assistant", "c")), [("user", "b"), ("assistant", "c")]),
        ("mojibake", conversation(("user", "schÃ¶n"), ("assistant", "ja")), [("user", "schön"), ("assistant", "ja")]),
        ("control", conversation(("user", "a\x07b"), ("assistant", "ja")), [("user", "ab"), ("assistant", "ja")]),
    ],
)  # fmt: skip
def test_that_turns_are_repaired(kind, raw, expected):
    fixed = fixed_row(kind, raw, CONTRACT)
    assert fixed is not None and turns(fixed) == expected


def test_that_a_decision_is_taken_out_of_a_fence_and_double_keys_keep_the_last_value():
    fenced = conversation(("user", "a"), ("assistant", "{\n" + json.dumps(ANSWER)[1:] + "\n```"))
    fixed = fixed_row("decision-syntax", fenced, CONTRACT)
    assert fixed is not None and decision(fixed) == ANSWER
    double = conversation(("user", "a"), ("assistant", "b"))[:-1] + b',"n":1,"n":2}'
    assert json.loads(fixed_row("duplicate-key", double, CONTRACT) or b"null")["n"] == 2


def test_that_mojibake_inside_a_decision_is_repaired_as_text_not_as_json():
    raw = conversation(
        ("user", "a"), ("assistant", json.dumps(ANSWER | {"direct_answer": "schÃ¶n"}, ensure_ascii=True))
    )
    fixed = fixed_row("mojibake", raw, CONTRACT)
    assert fixed is not None and decision(fixed)["direct_answer"] == "schön"


def test_that_a_clean_row_and_a_kind_without_a_repair_give_none():
    assert all(fixed_row(kind.id, decided(), CONTRACT) is None for kind in KINDS)
    assert fixed_row("unreadable", b"{", CONTRACT) is None
    assert all(
        has_fix(kind.id) for kind in KINDS if kind.fix and kind.id not in ("duplicate", "near-duplicate", "leak")
    )


@given(raw_rows())
@settings(max_examples=100, deadline=None)
def test_that_a_repair_leaves_fewer_problems_of_its_kind_and_a_readable_row(raw):
    problems = CHECKER.problems_of(raw)
    for kind in {kind_of(problem.rule).id for problem in problems}:
        fixed = fixed_row(kind, raw, CONTRACT)
        if fixed is not None:
            left = [problem for problem in CHECKER.problems_of(fixed) if kind_of(problem.rule).id == kind]
            assert len(left) < sum(kind_of(problem.rule).id == kind for problem in problems)
            assert b"\n" not in fixed
