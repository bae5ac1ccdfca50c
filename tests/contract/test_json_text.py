from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.contract.json_text import field_spans, renamed_field, with_field, without_field

ODD = '{ "a" : 1.50,\n  "b":[1, 2] , "c": "ä\\u00e4" }'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=5)


def test_that_only_the_value_that_was_set_changes():
    assert with_field(ODD, "b", []) == ODD.replace("[1, 2]", "[]")
    assert with_field(ODD, "a", 2) == ODD.replace("1.50", "2")


def test_that_a_new_field_stands_where_the_order_says_and_looks_like_its_neighbours():
    assert with_field('{"a":1,"c":3}', "b", 2, "abc") == '{"a":1,"b":2,"c":3}'
    assert with_field('{"a": 1, "c": 3}', "b", [2, 3], "abc") == '{"a": 1, "b": [2, 3], "c": 3}'
    assert with_field('{"c":3}', "a", None, "abc") == '{"a":null,"c":3}'
    assert with_field('{"c":3}', "z", "ü", "abc") == '{"c":3,"z":"ü"}'
    assert with_field("{}", "a", True) == '{"a":true}'


def test_that_a_removed_field_takes_one_comma_with_it():
    assert without_field('{"a":1,"b":2,"c":3}', "a") == '{"b":2,"c":3}'
    assert without_field('{"a":1,"b":2,"c":3}', "b") == '{"a":1,"c":3}'
    assert without_field('{"a":1,"b":2,"c":3}', "c") == '{"a":1,"b":2}'
    assert without_field('{"a":1}', "a") == "{}"
    assert without_field('{"a":1,"b":2,"a":3}', "a") == '{"b":2}'


def test_that_a_renamed_field_keeps_place_and_value():
    assert renamed_field('{"a": 1.50, "b": 2}', "a", "score") == '{"score": 1.50, "b": 2}'


def test_that_of_a_key_that_occurs_twice_the_one_that_counts_is_set():
    assert with_field('{"a":1,"a":2}', "a", 3) == '{"a":1,"a":3}'


@pytest.mark.parametrize("text", ["", "[1]", '{"a":1', '{"a":1} x', '{"a" 1}', "{1:2}", '{"a":1,}', "null"])
def test_that_what_is_no_object_is_refused(text):
    with pytest.raises(ValueError):
        field_spans(text)


@given(
    OBJECTS, st.text(max_size=6), VALUES, st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]), st.booleans()
)
def test_that_setting_and_removing_mean_what_they_mean_on_the_object(value, name, new, separators, is_ascii):
    text = json.dumps(value, separators=separators, ensure_ascii=is_ascii)
    assert json.loads(with_field(text, name, new)) == {**value, name: new}
    assert json.loads(without_field(text, name)) == {key: kept for key, kept in value.items() if key != name}
    if name in value:
        before, after = field_spans(text), field_spans(with_field(text, name, new))
        kept = [(text[s.start : s.end]) for s in before if s.name != name]
        assert [with_field(text, name, new)[s.start : s.end] for s in after if s.name != name] == kept
