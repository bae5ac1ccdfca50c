"""Small words before values."""

from __future__ import annotations

import pytest

from arny_studio.dataset.generate.tier1.draw import SlotValue, joined


@pytest.mark.parametrize(
    ("before", "value", "text"),
    [
        ("get a ", "air fryer", "get an air fryer"),
        ("get an ", "laptop", "get a laptop"),
        ("get a ", "used car", "get a used car"),
        ("get a ", "umbrella", "get an umbrella"),
        ("to a ", "europa league final", "to a europa league final"),
        ("get a ", "8 pack", "get an 8 pack"),
        ("a flight on ", "tomorrow", "a flight tomorrow"),
        ("a flight on ", "in two weeks", "a flight in two weeks"),
        ("a flight on ", "may 3rd", "a flight on may 3rd"),
        ("spent in ", "last month", "spent last month"),
        ("drive to ", "home", "drive home"),
        ("drive to ", "the mall", "drive to the mall"),
        ("track flight ", "flight 370", "track flight 370"),
        ("drive to the ", "the mall", "drive to the mall"),
        ("take the ", "a train", "take the a train"),
    ],
)
def test_that_small_words_agree_with_the_value_after_them(before, value, text):
    assert joined([before, SlotValue(value)]) == text


def test_that_articles_agree_with_the_template_s_own_words_too():
    assert joined(["tell me a", " ", "", "interesting", " fact"]) == "tell me an interesting fact"


def test_that_a_value_is_never_changed():
    assert joined([SlotValue("chick fil a"), " ", SlotValue("opens today")]) == "chick fil a opens today"
