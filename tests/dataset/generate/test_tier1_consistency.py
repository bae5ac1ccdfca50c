"""Generated rows never decide the same query in two ways."""

from __future__ import annotations

from collections import defaultdict

import pytest

from arny_studio.dataset.generate.tier1.consistency import SaidBefore
from arny_studio.dataset.generate.tier1.generator import conversations
from arny_studio.dataset.generate.tier1.situations import Conversation

DECISION = {
    "intent": "greeting", "primary_journey": "general", "journeys": ["general", "flight"], "missing_fields": [],
    "needs_clarification": False, "needs_execution": False, "execution_type": None, "complexity_score": 3,
    "direct_answer": "Hello.",
}  # fmt: skip


def talk(text, **changes):
    return Conversation("greeting", [(text, {**DECISION, **changes})], "t", [])


@pytest.mark.parametrize(
    "changes", [{"intent": "farewell"}, {"needs_execution": True}, {"complexity_score": 60}, {"missing_fields": ["a"]}]
)
def test_that_the_same_query_with_another_decision_is_a_contradiction(changes):
    said_before = SaidBefore(60)
    assert not said_before.contradicts(talk("Hello  there"))
    assert said_before.contradicts(talk("hello there", **changes))
    assert not said_before.contradicts(talk("hello you", **changes))


@pytest.mark.parametrize(
    "changes", [{"direct_answer": "Hi."}, {"complexity_score": 5}, {"journeys": ["flight", "general"]}]
)
def test_that_other_words_for_the_same_decision_are_none(changes):
    said_before = SaidBefore(60)
    assert not said_before.contradicts(talk("Hello"))
    assert not said_before.contradicts(talk("hello", **changes))


def test_that_the_banks_themselves_hardly_ever_contradict_each_other():
    """The guard is for the rare rest: a bank that says one phrase for two intents is to be mended."""
    labels = defaultdict(set)
    for one in conversations(4000, seed=11):
        decision = one.turns[-1][1]
        labels[tuple(text.casefold() for text, _ in one.turns)].add((decision["intent"], decision["primary_journey"]))
    assert {query: found for query, found in labels.items() if len(found) > 1} == {}
