"""Rows looked at together: column for column what each of them gets when it is looked at alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arny_studio.contract import load_contract
from arny_studio.dataset import page_checking
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.page_checking import PageChecker
from arny_studio.dataset.row_columns import DTYPES
from arny_studio.dataset.row_problems import Limits
from tests.dataset.rows import conversation, decided, raw_rows

CONTRACT = load_contract()
ROUTED = (("system", CONTRACT.system_prompt("tier1")), ("user", "hi"))
ODD = (
    b"", b"7", b"[]", b"{", b"\xff", b'{"messages":{}}', b'{"messages":[]}', b'{"messages":"ab"}', b'{"messages":[[1]]}',
    b'{"messages":[{"role":["user"],"content":"a"}]}', b'{"messages":[{"role":"user","content":["a"]}]}',
    b'{"messages":[{"role":true,"content":"a"}]}', b'{"messages":{"role":{"content":"a"}}}',
    b'{"messages":[{"role":"user","content":"a"}],"deep":' + b"[" * 300 + b"]" * 300 + b"}",
    decided() + b" ", decided(spaced=True), decided()[:-1] + b',"id":1,"id":2}',
    conversation(*ROUTED, ("assistant", "prose")), conversation(*ROUTED, ("assistant", "")),
    conversation(("user", "prose?"), ("assistant", "prose")), conversation(("user", "a"), ("assistant", "caf\xc3\xa9")),
    conversation(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "{}")),
    conversation(("system", ""), ("user", " "), ("assistant", "\x07")), conversation(("assistant", "b"), ("user", "a")),
    decided(routing_confidence=1e300), decided(complexity_score=-1e39),
)  # fmt: skip


def told_apart(checker, pages):
    """The columns of pages as one list of values each, words spelt out."""
    arrays, words = checker.columns([checker.look(page) for page in pages])
    assert {name: array.dtype for name, array in arrays.items()} == DTYPES
    return {
        name: [(*words[name], "")[code] for code in array] if name in words else array
        for name, array in arrays.items()
    }  # fmt: skip


def one_by_one(checker, pages):
    rows = [checker.columns_of(raw) for page in pages for raw in page]
    return {name: [getattr(row, name) for row in rows] for name in DTYPES}


def assert_same(together, alone):
    for name, values in alone.items():
        if isinstance(together[name], list):
            assert together[name] == values, name
        else:
            with np.errstate(over="ignore"):
                expected = np.array(values, DTYPES[name])
            assert np.array_equal(together[name], expected, equal_nan=expected.dtype.kind == "f"), name


@given(
    st.lists(st.lists(raw_rows() | st.sampled_from(ODD), min_size=1, max_size=12), min_size=1, max_size=3), st.data()
)
@settings(max_examples=60, deadline=None)
@example([list(ODD)], None)
@example([[raw] for raw in ODD], None)
def test_that_rows_looked_at_together_get_the_columns_they_get_alone(pages, data):
    again = data.draw(st.lists(st.sampled_from([raw for page in pages for raw in page]), max_size=8)) if data else []
    pages = [*pages, [*again, *pages[0]]]
    assert_same(told_apart(PageChecker(CONTRACT), pages), one_by_one(RowChecker(CONTRACT), pages))


@pytest.mark.parametrize(
    "limits", [Limits(max_tokens=7), Limits(max_characters=60), Limits(max_tokens=5, max_characters=9)]
)
@pytest.mark.parametrize("count_tokens", [None, lambda turns: sum(len(text) + 1 for _, text in turns)])
def test_that_lengths_and_limits_are_the_same_with_and_without_a_tokenizer(limits, count_tokens):
    pages = [[decided("hi"), *ODD, decided("hi" * 40)], []]
    assert_same(
        told_apart(PageChecker(CONTRACT, limits, count_tokens), pages),
        one_by_one(RowChecker(CONTRACT, limits, count_tokens), pages),
    )


def test_that_more_rows_and_answers_than_are_kept_at_hand_change_nothing(monkeypatch):
    monkeypatch.setattr(page_checking, "_MOST_REMEMBERED", 5)
    monkeypatch.setattr(page_checking, "_TOGETHER", 16)
    rows = [decided(f"q{n}", intent=f"intent_{n % 23}", complexity_score=n % 59) for n in range(200)]
    rows[40:40] = [*ODD, *[decided()[:-1] + b',"id":1,"id":%d}' % n for n in range(20)]]
    deep = b',"deep":' + b"[" * 300 + b"]" * 300 + b"}"  # looked at alone, a decision as it is
    rows += [decided(f"deep {n}", complexity_score=n)[:-1] + deep for n in range(20)] + list(ODD)
    pages = [rows[:90], rows[90:91], rows[91:]]
    assert_same(told_apart(PageChecker(CONTRACT), pages), one_by_one(RowChecker(CONTRACT), pages))
