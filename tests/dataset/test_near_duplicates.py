"""Exact duplicates, contradictions and near duplicates as groups of rows."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.dataset.duplicates import first_of_each, members_that_disagree, rows_found_in
from arny_studio.dataset.near_duplicates import band_keys, comparable_text, jaccard, near_groups
from tests.dataset.rows import conversation, decided

_hashes = st.lists(st.integers(0, 4), max_size=12)


@given(_hashes)
@settings(deadline=None)
def test_that_each_row_knows_the_first_row_with_its_hash(values):
    found = first_of_each(np.array(values, np.uint64)).tolist()
    assert found == [values.index(value) if value else -1 for value in values]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
@settings(deadline=None)
def test_that_a_query_with_two_labels_puts_all_its_rows_in_dispute(pairs):
    query, label = (np.array([pair[side] for pair in pairs], np.uint64) for side in (0, 1))
    found = members_that_disagree(query, label).tolist()
    for row, (asked, decision) in enumerate(pairs):
        others = {other for question, other in pairs if question == asked and other} if asked and decision else set()
        expected = next(n for n, pair in enumerate(pairs) if pair[0] == asked and pair[1]) if len(others) > 1 else -1
        assert found[row] == expected


def test_that_queries_of_another_file_are_found_and_no_query_is_none():
    assert rows_found_in(np.array([1, 0, 3], np.uint64), np.array([3, 0], np.uint64)).tolist() == [False, False, True]


@given(st.binary(max_size=30), st.binary(max_size=30))
@settings(deadline=None)
def test_that_the_similarity_is_exactly_that_of_the_sets_of_pieces(first, second):
    def pieces(text):
        text = text.ljust(5)
        return {text[place : place + 5] for place in range(len(text) - 4)}

    a, b = pieces(first), pieces(second)
    assert jaccard(first, second) == len(a & b) / len(a | b)


def planted(rows, pairs, seed=5):
    """Random sentences, and copies of some with a word changed; and which pairs are alike in truth."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(400)]
    texts = [" ".join(chance.choices(words, k=chance.randint(8, 30))) for _ in range(rows)]
    for row in chance.sample(range(rows), pairs):
        changed = texts[row].split()
        changed[chance.randrange(len(changed))] = chance.choice(words)
        texts.append(" ".join(changed))
    encoded = [text.encode() for text in texts]
    alike = [(a, b) for b in range(rows, len(texts)) for a in range(rows) if jaccard(encoded[a], encoded[b]) >= 0.8]
    return encoded, alike


def test_that_planted_pairs_are_found_and_nothing_else_is_called_alike():
    texts, alike = planted(rows=80, pairs=50)
    groups = near_groups(band_keys(texts), texts.__getitem__)
    found = [pair for pair in alike if groups[pair[0]] == groups[pair[1]] != -1]
    assert len(alike) > 20
    assert len(found) >= 0.95 * len(alike)
    for row in np.flatnonzero(groups >= 0).tolist():
        others = [other for other in np.flatnonzero(groups == groups[row]).tolist() if other != row]
        assert max(jaccard(texts[row], texts[other]) for other in others) >= 0.8
        assert groups[row] == min(row, *others)


def test_that_rows_without_text_are_like_nothing():
    texts = [b"", b"", b"the same few words", b"the same few words", b"abc", b"xyz"]
    assert near_groups(band_keys(texts), texts.__getitem__).tolist() == [-1, -1, 2, 2, -1, -1]
    assert near_groups(band_keys([]), [].__getitem__).tolist() == []


def test_that_decisions_case_and_spacing_are_left_out_of_the_comparison():
    assert comparable_text(decided("Book  A\nroom")) == b"book a room"
    prose = conversation(("system", "s"), ("user", "Why?"), ("assistant", "Because."))
    assert comparable_text(prose) == b"why? because."
    assert comparable_text(b"{") == comparable_text(b'{"messages":[{"role":1}]}') == b""
