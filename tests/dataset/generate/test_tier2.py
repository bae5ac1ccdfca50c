"""What every user of the Tier-2 generator may rely on."""

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.tier2 import generate, generate_tier2
from arny_studio.dataset.generate.tier2.generate import is_held_out
from arny_studio.dataset.generate.tier2.phrasing import CONNECTIVES
from arny_studio.dataset.generate.tier2.plan import QUESTION_TYPES
from arny_studio.dataset.generate.tier2.planners import PLANNERS
from arny_studio.dataset.generate.tier2.sheets import load_sheets
from arny_studio.errors import BadRecipe

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@pytest.fixture(scope="module")
def rows():
    return list(generate_tier2(3000, seed=7))


def _answer(row) -> str:
    return row["messages"][2]["content"]


def _question(row) -> str:
    return row["messages"][1]["content"]


def _sentences(row) -> set[str]:
    return set(_SENTENCE_END.split(_answer(row)))


def _without_connective(sentence: str) -> str:
    front = next((connective for connective in CONNECTIVES if sentence.startswith(connective)), "")
    return sentence.removeprefix(front).lower()


def _largest_share(answers: list[set[str]]) -> float:
    """The largest part of the shorter answer's sentences that any two answers have in common."""
    holders: dict[str, list[int]] = defaultdict(list)
    largest = 0.0
    for number, sentences in enumerate(answers):
        shared = Counter(other for sentence in sentences for other in holders[sentence])
        for other, count in shared.items():
            largest = max(largest, count / min(len(sentences), len(answers[other])))
        for sentence in sentences:
            holders[sentence].append(number)
    return largest


def test_that_the_same_seed_gives_the_same_samples_and_another_seed_gives_others():
    first = list(generate_tier2(200, seed=3))

    assert first == list(generate_tier2(200, seed=3))
    assert first[:50] == list(generate_tier2(50, seed=3))
    assert [_answer(row) for row in first] != [_answer(row) for row in generate_tier2(200, seed=4)]


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_that_another_process_with_another_hash_seed_writes_the_same_samples(hash_seed):
    program = (
        "import json; from arny_studio.dataset.generate.tier2 import generate_tier2;"
        "print(json.dumps(list(generate_tier2(60, seed=3))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert json.loads(done.stdout) == list(generate_tier2(60, seed=3))


def test_that_a_sample_is_system_question_and_answer_with_its_origin():
    row = next(generate_tier2(1, seed=5))

    assert row["id"] == "t2-5-0"
    assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][0]["content"] == load_contract("router-v1").system_prompt("tier2")
    assert set(row["meta"]) == {"topic", "question_type", "split", "facts"}
    assert json.loads(json.dumps(row)) == row


def test_that_ids_are_unique_and_differ_between_the_splits():
    ids = [row["id"] for split in ("train", "test") for row in generate_tier2(300, seed=7, split=split)]

    assert len(set(ids)) == 600


def test_that_3000_rows_cover_44_topics_and_10_question_types_evenly(rows):
    pairs = Counter((row["meta"]["topic"], row["meta"]["question_type"]) for row in rows)

    assert len({topic for topic, _ in pairs}) == 44
    assert {question_type for _, question_type in pairs} == set(QUESTION_TYPES)
    assert max(pairs.values()) - min(pairs.values()) <= 1


def test_that_no_two_answers_share_more_than_60_percent_of_their_sentences(rows):
    assert _largest_share([_sentences(row) for row in rows]) <= 0.6


def test_that_a_connective_in_front_does_not_make_a_sentence_another_one(rows):
    assert _largest_share([{_without_connective(sentence) for sentence in _sentences(row)} for row in rows]) <= 0.6


def test_that_the_measure_finds_a_pair_that_shares_too_much():
    assert _largest_share([{"a", "b", "c", "d"}, {"e"}, {"a", "b", "c", "x", "y"}]) == 0.75


def test_that_5000_rows_hold_apart_as_well():
    assert _largest_share([_sentences(row) for row in generate_tier2(5000, seed=11)]) <= 0.6


def test_that_every_answer_uses_at_least_four_facts_that_fit_its_question_and_no_others(rows):
    sheets = {sheet.topic: {fact.id: fact.type for fact in sheet.facts} for sheet in load_sheets()}
    for row in rows:
        types = [sheets[row["meta"]["topic"]][fact] for fact in row["meta"]["facts"]]
        assert len(set(row["meta"]["facts"])) == len(types) >= 4
        assert set(types) <= PLANNERS[row["meta"]["question_type"]].fits


def test_that_every_fact_named_in_the_meta_is_really_said(rows):
    wordings = {fact.id: fact.wordings for sheet in load_sheets() for fact in sheet.facts}
    for row in rows[:500]:
        for fact in row["meta"]["facts"]:
            assert any(wording[1:] in _answer(row) for wording in wordings[fact])


def test_that_answers_have_two_to_four_paragraphs_of_moderate_length(rows):
    for row in rows:
        paragraphs = _answer(row).split("\n\n")
        assert 2 <= len(paragraphs) <= 4
        assert all(paragraph.strip() == paragraph != "" for paragraph in paragraphs)
        assert 90 <= len(_answer(row).split()) <= 220


def test_that_sentences_begin_with_a_capital_and_no_template_slot_is_left(rows):
    for row in rows:
        assert "{" not in _answer(row) + _question(row)
        for sentence in _sentences(row):
            assert sentence[0].isupper() or sentence[0].isdigit(), sentence


def test_that_history_is_told_in_the_order_of_time(rows):
    order = {fact.id: number for sheet in load_sheets() for number, fact in enumerate(sheet.facts)}
    for row in rows:
        past = [order[fact] for fact in row["meta"]["facts"] if "/history/" in fact]
        assert past == sorted(past)


def test_that_no_question_of_the_test_split_is_asked_in_train():
    asked = {_question(row).lower().rstrip("?.") for row in generate_tier2(5000, seed=1)}
    held_out = {_question(row).lower().rstrip("?.") for row in generate_tier2(600, seed=1, split="test")}

    assert not asked & held_out


def test_that_train_never_asks_for_held_out_pairs_and_test_does_half_of_the_time(rows):
    test_rows = list(generate_tier2(100, seed=7, split="test"))
    held_out = [is_held_out(row["meta"]["topic"], row["meta"]["question_type"]) for row in test_rows]

    assert not any(is_held_out(row["meta"]["topic"], row["meta"]["question_type"]) for row in rows)
    assert sum(held_out) == 50
    assert {row["meta"]["split"] for row in test_rows} == {"test"}


def test_that_topics_narrow_the_choice():
    rows = generate_tier2(40, seed=7, topics=["inflation", "5G"])

    assert {row["meta"]["topic"] for row in rows} == {"inflation", "5G"}


def test_that_an_unknown_topic_is_refused_before_the_first_row():
    with pytest.raises(BadRecipe, match="'astrology'"):
        generate_tier2(1, seed=1, topics=["astrology"])


@pytest.mark.parametrize("rows", [-1, 0])
def test_that_a_number_of_rows_below_one_is_refused(rows):
    with pytest.raises(BadRecipe, match="at least one row"):
        generate_tier2(rows, seed=1)


def test_that_asking_for_more_than_the_text_gives_says_how_many_are_possible(monkeypatch):
    # Few attempts only make the text run out sooner.
    monkeypatch.setattr(generate, "_ATTEMPTS", 2)
    made = []
    with pytest.raises(BadRecipe) as refused:
        for row in generate_tier2(100_000, seed=2, topics=["photosynthesis"]):
            made.append(row)

    assert len(made) > 100
    assert f"gives {len(made)} answers" in refused.value.sentence
    assert len(list(generate_tier2(len(made), seed=2, topics=["photosynthesis"]))) == len(made)
