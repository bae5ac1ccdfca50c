"""Rows against role order, contract, encoding and limits; the fast look and the detailed one say the same."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.duplicate_keys import first_repeated_key, repeats_a_key
from arny_studio.dataset.problems import KINDS, kind_of, mask_of
from arny_studio.dataset.row_columns import FLAGS
from arny_studio.dataset.row_problems import Limits
from tests.dataset.rows import conversation, decided, raw_rows, without

CONTRACT = load_contract()
CHECKER = RowChecker(CONTRACT)


def kinds(raw, checker=CHECKER):
    return [problem.rule for problem in checker.problems_of(raw)]


@given(raw_rows())
@settings(max_examples=120, deadline=None)
@example(decided())
@example(without("intent"))
@example(decided(complexity_score=10**30))
@example(conversation(("user", "\\u0022:"), ("assistant", "x")))
def test_that_the_fast_look_finds_exactly_the_kinds_that_the_detailed_one_names(raw):
    named = 0
    for problem in CHECKER.problems_of(raw):
        named |= kind_of(problem.rule).mask
    assert CHECKER.columns_of(raw).problems == named
    assert RowChecker(CONTRACT).columns_of(raw) == pytest.approx(CHECKER.columns_of(raw), nan_ok=True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (decided(), []),
        (decided(spaced=True), []),
        (b'{"messages": [}', ["unreadable"]),
        (b"\xff", ["unreadable"]),
        (b'{"messages": "x"}', ["shape"]),
        (b'{"text": "x"}', ["shape"]),
        (decided()[:-1] + b',"id":1,"id":2}', ["duplicate-key"]),
        (conversation(("assistant", "x"), ("user", "y")), ["order"]),
        (conversation(("user", " "), ("assistant", "x")), ["empty-turn"]),
        (conversation(("user", "y")), ["order"]),
        (conversation(("user", "y"), ("assistant", '{"intent":')), ["decision-syntax"]),
        (
            conversation(("system", CONTRACT.system_prompt("tier1")), ("user", "y"), ("assistant", "Hi")),
            ["decision-syntax"],
        ),
        (decided(primary_journey="hotels", journeys=["hotels"]), ["unknown-journey"] * 2),
        (decided(complexity_score=101), ["schema"]),
        (decided(primary_journey="hotel"), ["primary-in-journeys"]),
        (without("formatting_style"), ["missing-field"]),
        (conversation(("user", "hm"), ("assistant", "voilÃ le travail")), ["mojibake"]),
        (conversation(("user", "a\x07b"), ("assistant", "x")), ["control"]),
    ],
)
def test_that_each_kind_of_problem_is_found_and_only_that(raw, expected):
    assert kinds(raw) == expected
    assert CHECKER.columns_of(raw).problems == mask_of(*(kind_of(name).id for name in expected))


def test_that_a_conversation_over_the_limit_is_cut_and_says_where():
    long = conversation(("user", "why"), ("assistant", "because " * 50))
    for limits, said in ((Limits(max_characters=100), "100"), (Limits(max_tokens=50), "50")):
        checker = RowChecker(CONTRACT, limits)
        [problem] = checker.problems_of(long)
        assert (problem.rule, said in problem.sentence) == ("truncated", True)
        assert checker.columns_of(long).problems == mask_of("truncated")
        assert checker.problems_of(decided()[:0] + conversation(("user", "a"), ("assistant", "b"))) == []


def test_that_tokens_are_counted_by_the_tokenizer_that_is_given():
    checker = RowChecker(CONTRACT, Limits(max_tokens=6), lambda turns: sum(len(text.split()) for _, text in turns))
    assert checker.columns_of(conversation(("user", "a b c"), ("assistant", "d e f"))).tokens == 6
    too_long = conversation(("user", "a b c"), ("assistant", "d e f g"))
    assert checker.columns_of(too_long).problems == mask_of("truncated")
    assert "7 tokens" in checker.problems_of(too_long)[0].sentence


def test_that_columns_hold_what_the_decision_says():
    columns = CHECKER.columns_of(decided("where to?", complexity_score=60, journeys=["general", "hotel"]))
    assert (columns.intent, columns.journey, columns.style, columns.execution) == ("greeting", "general", "plain", "")
    assert (columns.journeys, columns.complexity, columns.confidence) == (2, 60.0, 0.95)
    assert columns.flags == FLAGS["routing"] | FLAGS["answers"] | FLAGS["reasons"] | FLAGS["several"]
    assert (columns.turns, columns.characters > 200) == (2, True)
    prose = CHECKER.columns_of(conversation(("user", "a"), ("assistant", "b")))
    assert (prose.flags, prose.intent, math.isnan(prose.complexity), prose.label) == (0, "", True, 0)


def test_that_equal_conversations_and_equal_labels_have_equal_hashes():
    plain, spaced = CHECKER.columns_of(decided("Hi  there")), CHECKER.columns_of(decided("hi there", spaced=True))
    assert (plain.query, plain.label) == (spaced.query, spaced.label)
    assert plain.content != spaced.content
    other_id = (
        conversation(("user", "a"), ("assistant", "b"), id="1"),
        conversation(("user", "a"), ("assistant", "b"), id="2"),
    )
    assert len({CHECKER.columns_of(raw).content for raw in other_id}) == 1
    assert len({CHECKER.columns_of(raw).row_hash for raw in other_id}) == 2
    worded = CHECKER.columns_of(decided("hi there", direct_answer="Hey!"))
    assert worded.label == plain.label
    assert CHECKER.columns_of(decided("hi there", primary_journey="hotel", journeys=["hotel"])).label != plain.label


def test_that_a_changed_rule_feature_is_never_answered_from_memory():
    checker = RowChecker(CONTRACT)
    assert checker.columns_of(decided()).problems == 0
    assert checker.columns_of(decided(needs_execution=True, direct_answer=None)).problems == mask_of("rule")
    assert checker.columns_of(decided(needs_execution=1)).problems == mask_of("schema", "rule")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(['":', '"', ":", "\\", '\\":']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    _json,
    st.sampled_from([(",", ":"), (", ", ": "), (",", " :")]),
    st.booleans(),
    st.sampled_from(["", '"a":1,"a":2', '"":":"']),
)
@settings(max_examples=150, deadline=None)
def test_that_the_counting_gate_for_double_keys_agrees_with_reading_them(value, separators, is_ascii, extra):
    text = json.dumps({"v": value}, separators=separators, ensure_ascii=is_ascii)
    raw = (text[:-1] + ("," + extra if extra else "") + "}").encode()
    assert repeats_a_key(raw, json.loads(raw)) == (first_repeated_key(raw) is not None)


def test_that_every_kind_has_its_own_bit_and_says_something():
    assert len({kind.bit for kind in KINDS}) == len({kind.id for kind in KINDS}) == len(KINDS)
    assert all(kind.title and kind.sentence.endswith(".") for kind in KINDS)
