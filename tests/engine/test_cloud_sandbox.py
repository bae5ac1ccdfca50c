"""The offline stand-in for cloud agents."""

from __future__ import annotations

import pytest

from arny_studio.contract import load_contract
from arny_studio.engine.cloud_result import SIMULATED, CloudResult, is_told_in, lay_out
from arny_studio.engine.cloud_sandbox import execute

CONTRACT = load_contract()
STYLES = CONTRACT.schema["properties"]["formatting_style"]["enum"]


@pytest.mark.parametrize("journey", CONTRACT.journeys)
@pytest.mark.parametrize("style", [*STYLES, "unheard-of"])
def test_that_every_journey_in_every_style_gives_a_labelled_reply(journey: str, style: str):
    reply = lay_out(execute(journey, "x", "something for Friday"), style)
    assert reply.startswith(SIMULATED)
    assert len(reply.splitlines()) >= 2


def test_that_the_same_request_gets_the_same_result_and_another_one_another():
    first = execute("flight", "search", "Flights to  Rome")
    assert execute("flight", "search", "flights to rome") == first
    assert execute("flight", "search", "flights to Oslo") != first
    assert first.is_simulated


def test_that_a_table_has_one_line_a_row_under_its_head():
    lines = lay_out(execute("hotel", "search", "Rome"), "table").splitlines()[1:]
    assert lines[0].startswith("| Hotel | Stars |")
    assert {line.count("|") for line in lines} == {5}
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        ("The best is the  example Garden\nInn.", True),
        ("hotel, hotel_booking, missing nothing, score 33", False),
        ("It has 4 of them", False),  # a value this short proves nothing
        ("", False),
    ],
)
def test_that_words_which_name_nothing_of_a_result_are_told_apart(words: str, is_told: bool):
    rows = ({"hotel": "Example Garden Inn", "stars": 4},)
    assert is_told_in(words, CloudResult(connector="x", title="y", rows=rows)) is is_told


def test_that_a_result_without_telling_values_cannot_be_missed():
    assert is_told_in("anything", CloudResult(connector="x", title="y", rows=({"stars": 4},)))
    assert is_told_in("anything", CloudResult(connector="x", title="y", rows=()))
