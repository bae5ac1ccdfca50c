"""Answers to held-out prompts against their truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arny_studio.contract import load_contract
from arny_studio.engine.held_out_scoring import held_out_prompts, judged, metric_of, shown_answers, word_overlap

DECISION = {"intent": "book", "primary_journey": "hotel", "journeys": ["hotel"], "complexity_score": 40}


def write(path: Path, answers: list[str]) -> Path:
    rows = [
        {"id": f"r{n}", "messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": answer}]}
        for n, answer in enumerate(answers)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_that_the_prompts_are_the_same_each_time_and_in_the_files_order(tmp_path: Path):
    path = write(tmp_path / "v.jsonl", [json.dumps(DECISION)] * 40)
    first, second = held_out_prompts(path, 7, seed=3), held_out_prompts(path, 7, seed=3)
    assert first == second
    assert [prompt.line for prompt in first] == sorted(prompt.line for prompt in first)
    assert held_out_prompts(path, 7, seed=4) != first
    assert len(held_out_prompts(path, 100, seed=3)) == 40


def test_that_fields_are_compared_and_a_broken_answer_agrees_with_nothing(tmp_path: Path):
    (prompt,) = held_out_prompts(write(tmp_path / "v.jsonl", [json.dumps(DECISION)]), 1, seed=0)
    right = judged(prompt, json.dumps(DECISION))
    other = judged(prompt, json.dumps(DECISION | {"complexity_score": 41}))
    broken = judged(prompt, json.dumps(DECISION)[:-1])
    assert (right.agreement, right.wrong_fields, right.is_json) == (1.0, [], True)
    assert (other.agreement, other.wrong_fields) == (0.75, ["complexity_score"])
    assert (broken.agreement, broken.is_json, len(broken.wrong_fields)) == (0.0, False, 4)


def test_that_a_round_gives_shares_over_the_rows_that_can_tell(tmp_path: Path):
    contract = load_contract("router-v1")
    prompts = held_out_prompts(write(tmp_path / "v.jsonl", [json.dumps(DECISION)] * 4), 4, seed=0)
    texts = [json.dumps(DECISION), json.dumps(DECISION | {"primary_journey": "uber"}), "nonsense", "{}"]
    answers = [judged(prompt, text) for prompt, text in zip(prompts, texts, strict=True)]
    metric = metric_of(prompts, answers, contract, step=5, epoch=1.0)
    assert (metric.json_valid, metric.journey_accuracy) == (0.75, 0.25)
    assert metric.field_agreement == pytest.approx((1 + 0.75) / 4)
    assert metric.word_overlap is None
    shown = shown_answers(answers, step=5, seed=1)
    assert shown.best[0].text == texts[0]
    assert shown.worst[0].agreement == 0.0
    assert len(shown.random) == 3


def test_that_prose_is_compared_by_its_words(tmp_path: Path):
    contract = load_contract("router-v1")
    prompts = held_out_prompts(write(tmp_path / "v.jsonl", ["The sky is blue."]), 1, seed=0)
    answers = [judged(prompts[0], "the SKY is green")]
    metric = metric_of(prompts, answers, contract, step=1, epoch=0.0)
    assert (metric.json_valid, metric.word_overlap) == (None, pytest.approx(0.75))
    assert answers[0].is_json is None
    assert word_overlap("", "something") == 0.0
