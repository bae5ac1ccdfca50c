"""Answers that are computed: sums, units, letters, facts; and the typed slots they stand on."""

from __future__ import annotations

import math
import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset.generate.tier1.arithmetic import ARITHMETIC
from arny_studio.dataset.generate.tier1.banks import load_facts
from arny_studio.dataset.generate.tier1.conversion import CONVERSIONS, convert
from arny_studio.dataset.generate.tier1.draw import Draw
from arny_studio.dataset.generate.tier1.generator import conversations
from arny_studio.dataset.generate.tier1.numerals import in_words, ordinal, ordinal_in_words, plain
from arny_studio.dataset.generate.tier1.slots import TYPED
from arny_studio.dataset.generate.tier1.words import letters_in, spelled

# Written independently of the generator: how a reader would do the sums.
_READERS = [
    (r"(\d+) ?(?:\+|plus|and|added to) ?(\d+)", lambda a, b: a + b),
    (r"(\d+) ?(?:-|minus|take away|less) ?(\d+)", lambda a, b: a - b),
    (r"(\d+) ?(?:\*|times|x|multiplied by) ?(\d+)", lambda a, b: a * b),
    (r"(\d+) ?(?:/|divided by|over|÷) ?(\d+)", lambda a, b: a / b),
    (r"(\d+)(?:%| percent) of \$?(\d+)", lambda a, b: a * b / 100),
    (r"(\d+)(?:%| percent) off (?:of )?\$?(\d+)", lambda a, b: b - a * b / 100),
    (r".*(?:root|sqrt) of (\d+)", math.sqrt),
    (r"(\d+)\^(\d+)", lambda a, b: a**b),
    (r"(\d+) squared", lambda a: a * a),
    (r"(\d+) cubed", lambda a: a**3),
    (r"(\d+)/(\d+) of (\d+)", lambda a, b, c: a * c / b),
    (r"the (?:average|mean) of (\d+), (\d+) and (\d+)", lambda a, b, c: (a + b + c) / 3),
    (r"the area of a (\d+) by (\d+) foot \w+", lambda a, b: a * b),
    (r"(?:add|sum up|add up|add together) (\d+) and (\d+)", lambda a, b: a + b),
    (r"(?:subtract|take|deduct) (\d+) from (\d+)", lambda a, b: b - a),
    (r"multiply (\d+) (?:by|with|and) (\d+)", lambda a, b: a * b),
    (r"divide (\d+) by (\d+)", lambda a, b: a / b),
    (r"split .*?\$(\d+) \D*(\d+) ?\D*", lambda a, b: a / b),
    (r".* a (\d+)% tip on (?:a )?\$(\d+).*", lambda a, b: a * b / 100),
    (r"if .* (\d+) \w+ at \$(\d+) each .*", lambda a, b: a * b),
    (r"if i pay \$(\d+) with a hundred dollar bill .*", lambda a: 100 - a),
    (r"if (\d+) .* share \$(\d+) evenly .*", lambda a, b: b / a),
    (r"if i work (\d+) hours at \$(\d+) an hour .*", lambda a, b: a * b),
]  # fmt: skip


def read(text: str) -> tuple[int, float] | None:
    for number, (pattern, compute) in enumerate(_READERS):
        match = re.fullmatch(pattern, text)
        if match:
            return number, float(compute(*(float(group) for group in match.groups())))
    return None


def test_that_sums_come_with_their_results():
    draw, used = Draw(Random(5).random, "any"), set()
    for number in range(6_000):
        text = tuple(ARITHMETIC.values())[number % 3](draw)
        result = read(text)
        if result is not None:
            used.add(result[0])
            said = float(re.sub(r"[$]| square feet", "", draw.answer or ""))
            assert said == pytest.approx(result[1], abs=0.0051), text
    assert used == set(range(len(_READERS)))


def test_that_three_term_sums_multiply_before_they_add():
    draw, seen = Draw(Random(6).random, "any"), 0
    for _ in range(3_000):
        text = ARITHMETIC["expression"](draw)
        if match := re.fullmatch(r"(\d+) (?:\+|plus) (\d+) (?:\*|times) (\d+)", text):
            a, b, c = map(int, match.groups())
            assert float(draw.answer or "") == a + b * c
            seen += 1
    assert seen > 20


@pytest.mark.parametrize(
    ("value", "start", "end", "expected"),
    [(50, 0.3048, 1.0, "15.24"), (1, 1609.344, 1000.0, "1.61"), (3, 12, 4, "9")],
)
def test_that_units_convert(value, start, end, expected):
    assert convert(value, start, end) == expected


@pytest.mark.parametrize("name", CONVERSIONS)
def test_that_every_conversion_has_an_answer_with_a_number(name):
    draw = Draw(Random(3).random, "any")
    for _ in range(500):
        draw.answer = None
        assert CONVERSIONS[name](draw)
        assert re.search(r"\d", draw.answer or "")


def test_that_a_mile_a_pound_and_a_gallon_are_what_they_are():
    draw, seen = Draw(Random(4).random, "any"), {}
    for _ in range(8_000):
        text = CONVERSIONS["unit_pair"](draw)
        seen[text] = draw.answer
    assert seen["miles to kilometers"] == "1 mile = 1.61 kilometers"
    assert seen["pounds to grams"] == "1 pound = 453.59 grams"
    assert seen["gallons to liters"] == "1 gallon = 3.79 liters"


def test_that_boiling_and_freezing_points_convert_both_ways():
    draw, seen = Draw(Random(4).random, "any"), {}
    for _ in range(3_000):
        text = CONVERSIONS["temperature"](draw).replace("degrees ", "").replace("into", "to").replace(" in ", " to ")
        seen[text] = draw.answer
    assert seen["212 fahrenheit to celsius"] == "100 °C"
    assert seen["0 celsius to fahrenheit"] == "32 °F"


def test_that_words_are_spelled_and_their_letters_counted():
    draw = Draw(Random(1).random, "any")
    assert spelled(["zebra"])(draw) == "zebra"
    assert draw.answer == "Z-E-B-R-A"
    for _ in range(50):
        question = letters_in(["mississippi"])(draw)
        letter = question.removeprefix("letters ").lstrip('"')[0]
        assert draw.answer == str("mississippi".count(letter))


def test_that_fact_questions_are_answered_from_the_table():
    facts, seen = load_facts(), 0
    for talk in conversations(6_000, seed=3):
        spoken = talk.spoken[0]
        table = facts.get(spoken.intent.spec.answer_from or "")
        if table is not None and talk.situation == "fact":
            answer = talk.turns[0][1]["direct_answer"]
            assert answer == table.answer.replace("{value}", table.entries[spoken.values["subject"]])
            seen += 1
    assert seen > 200


@given(st.integers(0, 999_999_999))
def test_that_numbers_in_words_read_back(number):
    units = {in_words(n): n for n in range(100)}
    total, part, words = 0, 0, in_words(number).split()
    scales = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
    for word in words:
        if word == "hundred":
            part *= 100
        elif word in scales:
            total, part = total + part * scales[word], 0
        else:
            part += units[word]
    assert total + part == number


def test_that_ordinals_are_english():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 102, 111)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "102nd", "111th"]
    )
    assert [ordinal_in_words(n) for n in (1, 12, 20, 21, 30)] == (
        ["first", "twelfth", "twentieth", "twenty first", "thirtieth"]
    )


@pytest.mark.parametrize(
    ("value", "text"), [(4.0, "4"), (3.14159, "3.14"), (-0.001, "0"), (100.0, "100"), (0.5, "0.5")]
)
def test_that_results_are_written_plainly(value, text):
    assert plain(value) == text


@pytest.mark.parametrize("name", TYPED)
def test_that_typed_slots_have_many_forms_without_loose_blanks(name):
    draw = Draw(Random(2).random, "any")
    values = {TYPED[name](draw) for _ in range(1_500)}
    assert all(value == value.strip() and "  " not in value for value in values)
    assert len(values) > 15
