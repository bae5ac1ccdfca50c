"""Rows against role order and contract."""

from __future__ import annotations

import json

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import check_file, summarise

CONTRACT = load_contract()
ANSWER = {
    "intent": "greeting", "primary_journey": "general", "journeys": ["general"], "direct_answer": "Hello!",
    "missing_fields": [], "needs_clarification": False, "clarification": None, "needs_execution": False,
    "execution_type": None, "complexity_score": 2, "routing_confidence": 0.95, "formatting_style": "plain",
}  # fmt: skip


def row(answer, turns=None):
    turns = turns or [("system", "s"), ("user", "hi"), ("assistant", json.dumps(answer))]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def checked(tmp_path, *rows):
    path = tmp_path / "d.jsonl"
    path.write_text("\n".join(json.dumps(value) for value in rows))
    return summarise(check_file(path, CONTRACT))


def test_that_a_good_file_has_no_problems(tmp_path):
    summary, problems = checked(tmp_path, row(ANSWER), row(ANSWER))
    assert (summary.rows, summary.usable, problems) == (2, 2, [])


def test_that_a_broken_rule_makes_the_row_unusable_and_names_line_and_path(tmp_path):
    summary, [problem] = checked(tmp_path, row(ANSWER), row(ANSWER | {"primary_journey": "hotel"}))
    assert (summary.usable, summary.errors) == (1, 1)
    assert (problem.line, problem.rule) == (2, "primary-in-journeys")
    assert "messages[2].content" in problem.path


def test_that_a_missing_field_is_a_warning_and_the_row_stays_usable(tmp_path):
    short = {name: value for name, value in ANSWER.items() if name != "formatting_style"}
    summary, [problem] = checked(tmp_path, row(short))
    assert (summary.usable, summary.warnings, problem.severity) == (1, 1, "warning")


def test_that_prose_answers_are_not_held_against_the_contract(tmp_path):
    summary, problems = checked(tmp_path, row(None, [("user", "Why?"), ("assistant", "Because of many things.")]))
    assert (summary.usable, problems) == (1, [])


def test_that_wrong_order_empty_turns_and_a_missing_answer_are_found(tmp_path):
    _, problems = checked(
        tmp_path,
        row(None, [("assistant", "x"), ("user", "y")]),
        row(None, [("user", " "), ("assistant", "x")]),
        row(None, [("user", "y")]),
    )
    assert [(problem.line, problem.rule) for problem in problems] == [(1, "order"), (2, "empty-turn"), (3, "order")]
