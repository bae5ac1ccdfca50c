"""What counts as the truth of a row, and how a prediction is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.samples import RowProblem
from arny_studio.engine.chat_template import Message
from arny_studio.engine.scoring import Routed, TruthRow, judged, read_truth
from arny_studio.errors import MissingFile
from tests import pinned_contract as pinned

CONTRACT = load_contract()


def read(tmp_path: Path, *lines: object) -> list[TruthRow | RowProblem]:
    file = tmp_path / "data.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return list(read_truth(file, CONTRACT))


def test_that_the_last_assistant_turn_is_the_truth_and_all_before_it_the_prompt(tmp_path: Path):
    turns = [("system", "s"), ("user", "u1"), ("assistant", "{}"), ("user", "u2")]
    turns.append(("assistant", json.dumps(pinned.CLARIFY)))
    (row,) = read(tmp_path, {"id": "x", "messages": [{"role": role, "content": text} for role, text in turns]})
    assert isinstance(row, TruthRow)
    assert [message.content for message in row.messages] == ["s", "u1", "{}", "u2"]
    assert (row.id, row.query, row.journey, row.decision) == ("x", "u2", "flight", pinned.CLARIFY)


def test_that_a_labelled_text_gets_the_contracts_system_prompt_and_no_decision(tmp_path: Path):
    (row,) = read(tmp_path, {"text": "rooms", "journey": "hotel", "clinc_intent": "x"})
    assert isinstance(row, TruthRow)
    assert [message.role for message in row.messages] == ["system", "user"]
    assert row.messages[0].content == CONTRACT.system_prompt("tier1")
    assert (row.journey, row.decision) == ("hotel", None)


def test_that_a_conversation_without_a_decision_is_a_problem_with_its_line(tmp_path: Path):
    prose = {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "Hello."}]}
    (problem,) = read(tmp_path, prose)
    assert isinstance(problem, RowProblem)
    assert str(problem) == "data.jsonl:1: The last assistant turn is no routing decision."


def test_that_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(MissingFile, match="There is no dataset"):
        list(read_truth(tmp_path / "none.jsonl", CONTRACT))


@pytest.mark.parametrize(
    ("text", "is_json", "is_schema_valid", "is_valid", "action"),
    [
        (json.dumps(pinned.REASON), True, True, True, "reason"),
        (json.dumps(pinned.INVALID), True, True, False, "router_error"),
        (json.dumps(pinned.REASON | {"complexity_score": 101}), True, False, False, "router_error"),
        ("Sure! {}", False, False, False, "router_error"),
    ],
)
def test_that_syntax_schema_and_rules_are_told_apart(text, is_json, is_schema_valid, is_valid, action):
    row = TruthRow(id="x", messages=(Message("user", "q"),), journey="general", decision=pinned.ANSWER)
    prediction = judged(row, Routed(text=text, ms=1, tokens=2), CONTRACT)
    assert (prediction.decision is not None, prediction.is_schema_valid, prediction.is_valid) == (
        is_json,
        is_schema_valid,
        is_valid,
    )
    assert (prediction.action, prediction.expected_action) == (action, "answer")
