"""The mini-language: what it reads, what it refuses, and what its trees say."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset.generate.tier1.draw import Carriers, Draw, Fill, Speak, compile_node, one_of, say_slot
from arny_studio.dataset.generate.tier1.grammar import (
    Choice,
    GrammarError,
    Node,
    Rest,
    Sequence,
    Slot,
    Text,
    escape,
    parse_template,
    slot_names,
)


def scope(name: str) -> Speak:
    return say_slot(name, one_of([f"<{name}>"]))


def said(
    text: str, *, seed: int = 0, carriers: Carriers | None = None, fill: Fill = "any"
) -> tuple[str, dict[str, str]]:
    draw, out = Draw(Random(seed).random, fill), []
    node = parse_template(text)
    draw.carried = frozenset(slot_names(node))
    compile_node(node, scope, carriers)(draw, out)
    return "".join(out), draw.values


def written(node: Node) -> str:
    match node:
        case Text(value):
            return escape(value)
        case Slot(name, words):
            return "{" + name + ("" if words is None else f"={words}") + "}"
        case Rest():
            return "{...}"
        case Sequence(parts):
            return "".join(map(written, parts))
        case Choice(branches):
            return "(" + "|".join(map(written, branches)) + ")"


def language(node: Node) -> set[str]:
    """Every sentence of a tree, slots by their names."""
    match node:
        case Text(value):
            return {value}
        case Slot(name, words):
            return {words or f"<{name}>"}
        case Rest():
            return {""}
        case Choice(branches):
            return set().union(*map(language, branches))
        case Sequence(parts):
            sentences = {""}
            for part in parts:
                sentences = {head + tail for head in sentences for tail in language(part)}
            return sentences


slot_name = st.from_regex(r"\A[a-z][a-z0-9_]{0,6}\Z")
pinned = st.from_regex(r"\A[a-z]{1,6}\Z").map(lambda words: Slot(f"pinned_{words}", words))
trees = st.recursive(
    st.text(min_size=1, max_size=8).map(Text) | slot_name.map(Slot) | pinned | st.just(Rest()),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Choice(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Sequence(tuple(parts)))
    ),
    max_leaves=6,
)


@given(trees)
def test_that_a_written_tree_reads_back_as_the_same_language(tree):
    assert language(parse_template(written(tree))) == language(tree)


@given(trees, st.integers(0, 1_000))
def test_that_whatever_is_said_is_a_sentence_of_the_tree(tree, seed):
    text, values = said(written(tree), seed=seed)
    assert text in language(tree)
    assert set(values) <= set(slot_names(tree))
    assert all(value in text for value in values.values())


@given(st.text(max_size=30))
def test_that_any_text_is_either_read_or_refused_with_a_sentence(text):
    try:
        parse_template(text)
    except GrammarError as error:
        assert "column" in error.sentence


@given(st.text(max_size=30))
def test_that_escaped_text_is_said_as_it_stands(text):
    assert said(escape(text))[0] == text


@pytest.mark.parametrize(
    ("text", "column"),
    [("a (b|c", 3), ("a)b", 2), ("a|b", 2), ("{City}", 1), ("say {}", 5), ("end\\", 4), ("x}", 2), ("((a|b)", 1)],
)
def test_that_a_mistake_is_named_with_its_column(text, column):
    with pytest.raises(GrammarError, match=f"column {column}:"):
        parse_template(text)


def test_that_a_slot_said_twice_keeps_its_value():
    draw = Draw(Random(1).random, "any")
    out: list[str] = []
    numbered = say_slot("n", lambda draw: str(draw.pick(10**9)))
    compile_node(parse_template("{n} {n}"), lambda _: numbered)(draw, out)
    first, _, second = "".join(out).partition(" ")
    assert first == second == draw.values["n"]


def test_that_words_given_for_a_slot_count_as_its_value():
    text, values = said("how do i get {a=home}{...}", carriers=carriers(), fill="all")
    assert text.startswith("how do i get home by")
    assert values["a"] == "home"


def carriers() -> Carriers:
    phrases = {name: [compile_node(parse_template(f"by {{{name}}}"), scope)] for name in ("a", "b", "c", "d")}
    return Carriers(["a", "b", "c"], ["d"], phrases)


@given(st.integers(0, 10_000))
def test_that_the_rest_says_all_required_slots_when_all_are_wanted(seed):
    text, values = said("go {a}{...}", seed=seed, carriers=carriers(), fill="all")
    assert {"a", "b", "c"} <= set(values)
    assert text.count("<a>") == 1


@given(st.integers(0, 10_000))
def test_that_the_rest_leaves_a_required_slot_out_when_some_are_wanted(seed):
    _, values = said("go{...}", seed=seed, carriers=carriers(), fill="some")
    assert not {"a", "b", "c"} <= set(values)
