"""Completion of a query: what is offered can be read, and says what was meant."""

from __future__ import annotations

import pytest

from arny_studio.dataset.query import Category, Tag, parse
from arny_studio.dataset.query_words import MOST_OFFERED, suggestions

WORDS = {"journey": ("flight", "hotel", "Hotels"), "intent": ("book_flight", "flight_status"), "tag": ("too long",)}


def offered(text, cursor=None):
    return [one.label for one in suggestions(text, len(text) if cursor is None else cursor, WORDS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("compl", ["complexity:", "complexity>="]),
        ("paris -jour", ["journey:", "journeys:", "journeys>="]),
        ("journey:ho", ["hotel", "Hotels"]),
        ("journey:hotel,", ["flight", "Hotels", "none"]),
        ("intent:flight", ["flight_status", "book_flight"]),
        ("(status:f", ["flagged"]),
        ("role:u", ["user"]),
        ("problem:near", ["near-duplicate"]),
        ("status:flagged", []),
        ("complexity>=6", []),
        ('"role:u', []),
        ("xyz", []),
        ("", []),
    ],
)
def test_that_what_fits_at_the_cursor_is_offered(text, expected):
    assert offered(text)[: len(expected) or None] == expected


def test_that_an_offer_keeps_what_stands_around_it_and_can_be_read():
    [first, *_] = suggestions("journey:fl paris", 10, WORDS)
    assert (first.query, first.cursor) == ("journey:flight paris", 14)
    [quoted, *_] = suggestions("tag:too", 7, WORDS)
    assert parse(quoted.query) == Tag(("too long",))
    assert isinstance(parse(suggestions("intent:book", 11, WORDS)[0].query), Category)


def test_that_a_long_vocabulary_is_cut():
    words = {"intent": tuple(f"intent_{number}" for number in range(500))}
    assert len(suggestions("intent:i", 8, words)) == MOST_OFFERED
