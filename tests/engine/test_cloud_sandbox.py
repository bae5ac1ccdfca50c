"""The offline stand-in for cloud agents."""

from __future__ import annotations

import pytest

from arny_studio.contract import load_contract
from arny_studio.engine.cloud_result import SIMULATED, lay_out
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
