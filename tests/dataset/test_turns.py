from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset.turns import (
    with_content,
    with_role,
    with_turn_added,
    with_turn_moved,
    with_turn_split,
    without_turn,
)
from arny_studio.errors import BadInput

ROW = b'{ "id":"r1", "weight" : 1.50, "messages":[{"role": "user","content":"a b","name":"x"}, {"role":"assistant","content":"\\u00e4"}],"meta":{} }'


def test_that_a_new_content_changes_nothing_but_itself():
    assert with_content(ROW, 0, "c") == ROW.replace(b'"a b"', b'"c"')
    assert with_content(ROW, 1, "ü") == ROW.replace(b'"\\u00e4"', b'"\\u00fc"')


def test_that_a_role_changes_alone():
    assert with_role(ROW, 0, "system") == ROW.replace(b'"user"', b'"system"')


def test_that_turns_are_added_moved_split_and_removed_around_the_rest():
    turns = [b'{"role": "user","content":"a b","name":"x"}', b'{"role":"assistant","content":"\\u00e4"}']
    middle = b", ".join(turns)
    added = b'{"role": "user", "content": "new"}'
    assert with_turn_added(ROW, 1, "user", "new") == ROW.replace(middle, b", ".join((turns[0], added, turns[1])))
    assert with_turn_moved(ROW, 0, 1) == ROW.replace(middle, b", ".join(reversed(turns)))
    halves = [turns[0].replace(b"a b", b"a"), turns[0].replace(b"a b", b"b")]
    assert with_turn_split(ROW, 0, 1) == ROW.replace(middle, b", ".join((*halves, turns[1])))
    assert without_turn(ROW, 0) == ROW.replace(middle, turns[1])
    assert json.loads(without_turn(without_turn(ROW, 0), 0))["messages"] == []
    assert json.loads(with_turn_added(without_turn(without_turn(ROW, 0), 0), 0, "user"))["messages"] == [
        {"role": "user", "content": ""}
    ]


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"text":"x"}', b'{"messages":1}', b"\xff", b'{"messages":[]}'])
def test_that_a_row_without_that_turn_is_refused_with_a_sentence(raw):
    with pytest.raises(BadInput):
        with_content(raw, 0, "x")


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4), st.data(), st.booleans())
def test_that_edits_mean_what_they_mean_on_the_list(contents, data, is_ascii):
    turns = [{"role": "user", "content": content} for content in contents]
    raw = json.dumps({"messages": turns}, ensure_ascii=is_ascii).encode()
    number = data.draw(st.integers(0, len(turns) - 1))
    place = data.draw(st.integers(0, len(turns) - 1))
    text = data.draw(st.text(max_size=6))
    changed = json.loads(with_content(raw, number, text))["messages"]
    assert changed == [{**turn, "content": text} if at == number else turn for at, turn in enumerate(turns)]
    moved = list(turns)
    moved.insert(place, moved.pop(number))
    assert json.loads(with_turn_moved(raw, number, place))["messages"] == moved
