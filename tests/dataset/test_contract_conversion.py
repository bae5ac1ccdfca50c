"""Decisions rewritten for the other contract: valid there, and the same where both know a field."""

from __future__ import annotations

import json

import orjson
import pytest

from arny_studio.contract import load_contract
from arny_studio.contract.decision import encode
from arny_studio.dataset.contract_conversion import converted_decision, converted_row
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.errors import BadInput

TOOL_CALL = {
    "intent": "get_weather", "primary_journey": "general", "journeys": ["general"], "needs_tools": True,
    "tool": "weather.now", "arguments": {"city": "Paris"}, "missing_fields": [], "needs_clarification": False,
    "clarification": None, "complexity_score": 20, "routing_confidence": 0.9, "formatting_style": "plain",
    "response_template": "It is {temperature} in Paris.",
}  # fmt: skip


def test_that_a_decision_converted_to_the_other_contract_is_valid_there_and_keeps_what_both_know():
    router, tools = load_contract("router-v1"), load_contract("tools-v1")
    for row in generate_tier1(200, seed=5, contract=router):
        raw = orjson.dumps(row)
        made = converted_row(raw, router, tools)
        value = orjson.loads(made)
        decision = json.loads(value["messages"][-1]["content"])
        assert tools.check(decision) == []
        assert value["messages"][0]["content"] == tools.system_prompt("tier1")
        assert value["messages"][1:-1] == row["messages"][1:-1]
        returned = json.loads(orjson.loads(converted_row(made, tools, router))["messages"][-1]["content"])
        assert router.check(returned) == []
        original = json.loads(row["messages"][-1]["content"])
        assert {**returned, "execution_type": None} == {**original, "execution_type": None}


def test_that_prose_and_decisions_of_the_other_contract_are_refused():
    router, tools = load_contract("router-v1"), load_contract("tools-v1")
    for answer in ("Hello", encode(tools, TOOL_CALL), '{"intent": "x"}', "{"):
        turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": answer}]
        with pytest.raises(BadInput, match="no decision of router-v1"):
            converted_row(orjson.dumps({"messages": turns}), router, tools)


def test_that_a_tool_call_becomes_an_execution_and_its_template_goes():
    router, tools = load_contract("router-v1"), load_contract("tools-v1")
    assert tools.check(TOOL_CALL) == []
    made = converted_decision(TOOL_CALL, tools, router)
    assert router.check(made) == []
    assert (made["direct_answer"], made["needs_execution"], made["execution_type"]) == (None, True, "api_call")
    assert list(made) == list(router.fields)
