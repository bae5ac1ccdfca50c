"""Words after a question of the phone: its answer, or a request of their own."""

from __future__ import annotations

import json

import pytest

from arny_studio.contract import decode, load_contract
from arny_studio.engine.chat_template import Message
from arny_studio.engine.new_request import goes_elsewhere, reads_as_request
from tests import pinned_contract as pinned

CONTRACT = load_contract("router-v1")


@pytest.mark.parametrize(
    "words",
    [
        "Play some jazz", "What is 15% of 240?", "Oh, and remind me to call Anna tomorrow", "what's the capital of France",
        "Can you translate good morning into French?", "Please cancel my dentist appointment", "TURN OFF THE LIGHTS!",
    ],
)  # fmt: skip
def test_that_what_asks_for_something_reads_as_a_request(words: str):
    assert reads_as_request(words)


@pytest.mark.parametrize(
    "words",
    [
        "tomorrow", "on 3 May for two people", "from Berlin", "I want to leave on Sunday", "What about Friday?", "Book",
        "is that far?", "is it included in the price", "no", "", "  \n", "🙂", "北京", "غدا صباحا", "9:30", "please",
    ],
)  # fmt: skip
def test_that_an_answer_does_not(words: str):
    assert not reads_as_request(words)


def decided(decision: dict) -> str:
    return json.dumps(decision, separators=(",", ":"))


def test_that_only_a_sure_decision_about_another_journey_leaves_the_open_request():
    turns = [Message("user", "Book a flight"), Message("assistant", decided(pinned.CLARIFY)), Message("user", "Play")]

    def leaves(decision: dict) -> bool:
        return goes_elsewhere(CONTRACT, decode(CONTRACT, decided(decision)), turns, 0.5)

    assert leaves(pinned.ANSWER)
    assert not leaves(pinned.EXECUTE)  # a flight, too
    assert not leaves(pinned.UNSURE)
    assert not leaves(pinned.INVALID)


def test_that_earlier_words_that_are_no_decision_are_never_left_by_guessing():
    alone = decode(CONTRACT, decided(pinned.ANSWER))
    for said in ("not JSON", "{}", '{"journeys":["flight"]}', "[1]"):
        assert not goes_elsewhere(CONTRACT, alone, [Message("user", "x"), Message("assistant", said)], 0.5)
    assert not goes_elsewhere(CONTRACT, alone, [], 0.5)
