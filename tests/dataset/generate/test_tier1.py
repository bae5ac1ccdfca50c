"""The rows as a whole: what they promise about determinism, labels, shares and the two splits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from random import Random

import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.tier1 import SIMPLE_JOURNEYS, Tier1Mix, conversations, generate_tier1
from arny_studio.dataset.generate.tier1.banks import load_banks, load_entities
from arny_studio.dataset.generate.tier1.invented import blended
from arny_studio.dataset.generate.tier1.phrasebook import phrasebook

ROWS = 3_000
SPLITS = ("train", "phrasings", "test", "shapes")


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    return list(generate_tier1(ROWS, seed=7))


@pytest.fixture(scope="module")
def test_rows() -> list[dict]:
    return list(generate_tier1(ROWS, seed=7, split="test"))


def decisions(row: dict) -> list[dict]:
    return [json.loads(message["content"]) for message in row["messages"] if message["role"] == "assistant"]


def queries(row: dict) -> list[str]:
    return [message["content"] for message in row["messages"] if message["role"] == "user"]


def test_that_the_same_seed_gives_the_same_rows_in_processes_with_other_hash_seeds():
    program = (
        "import hashlib, orjson; from arny_studio.dataset.generate.tier1 import generate_tier1;"
        "print(hashlib.sha256(orjson.dumps(list(generate_tier1(200, seed=3)))).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_that_another_seed_gives_other_rows(rows):
    other = list(generate_tier1(200, seed=8))
    assert sum(queries(a) == queries(b) for a, b in zip(rows, other, strict=False)) < 10


def test_that_rows_stream_and_a_longer_dataset_begins_like_a_shorter_one(rows):
    endless = generate_tier1(10**12, seed=7)
    assert list(islice(endless, 300)) == rows[:300]


def test_that_no_rows_are_made_when_none_are_asked_for():
    assert list(generate_tier1(0, seed=1)) == []


@pytest.mark.parametrize("split", SPLITS)
def test_that_every_decision_keeps_the_contract(split):
    contract = load_contract("router-v1")
    for row in generate_tier1(1_500, seed=11, contract=contract, split=split):
        for decision in decisions(row):
            assert contract.check(decision) == [], (row["id"], decision)


def test_that_decisions_are_compact_json_in_contract_order(rows):
    order = list(decisions(rows[0])[0])
    assert len(order) == 12
    for row in rows:
        text = row["messages"][-1]["content"]
        assert list(json.loads(text)) == order
        assert text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def test_that_rows_have_messages_in_turn_and_say_where_they_come_from(rows):
    for number, row in enumerate(rows):
        roles = [message["role"] for message in row["messages"]]
        turns = 2 if row["meta"]["situation"] == "follow_up" else 1
        assert roles == ["system"] + ["user", "assistant"] * turns
        assert row["id"] == f"t1-7-{number}"
        assert row["meta"]["journey"] == decisions(row)[-1]["primary_journey"]
        assert row["meta"]["intent"] == decisions(row)[-1]["intent"]


def test_that_rows_of_two_splits_never_share_an_id():
    ids = {split: next(generate_tier1(1, seed=7, split=split))["id"] for split in SPLITS}
    assert ids == {split: f"t1-7-{split}-0" for split in SPLITS} | {"train": "t1-7-0"}


def test_that_all_journeys_and_situations_of_the_contract_occur(rows):
    wanted = set(load_contract("router-v1").journeys)
    assert {row["meta"]["journey"] for row in rows} == wanted
    assert len({row["meta"]["situation"] for row in rows}) == 8


def test_that_seven_rows_in_ten_belong_to_domains_and_one_in_twenty_is_unclear(rows):
    simple = sum(row["meta"]["journey"] in SIMPLE_JOURNEYS for row in rows) / ROWS
    unclear = sum(row["meta"]["situation"] == "unclear" for row in rows) / ROWS
    assert simple == pytest.approx(0.30, abs=0.03)
    assert unclear >= 0.05


def test_that_a_mix_moves_the_shares():
    mix = Tier1Mix(domain=0.2, unclear=0.3, multi_domain=0.0, journeys={"calendar": 0.0})
    seen = Counter(row["meta"]["situation"] for row in generate_tier1(1_000, seed=1, mix=mix))
    assert seen["multi_domain"] == 0
    assert 240 < seen["unclear"] < 360
    assert "calendar" not in {row["meta"]["journey"] for row in generate_tier1(1_000, seed=1, mix=mix)}


def test_that_a_mix_says_how_often_somebody_shouts():
    for share, least, most in ((0.0, 0, 0), (0.2, 150, 250), (1.0, 1_000, 1_000)):
        mix = Tier1Mix(cased=0.0, shouted=share)
        asked = [talk.turns[-1][0] for talk in conversations(1_000, seed=5, mix=mix) if talk.situation != "follow_up"]
        shouted = sum(text == text.upper() != text.lower() for text in asked) * 1_000 / len(asked)
        assert least <= shouted <= most


def test_that_a_mix_may_name_what_nobody_has_heard_of_and_the_labels_hold():
    usual, invented = (
        [talk for talk in conversations(1_000, seed=3, mix=Tier1Mix(domain=1.0, invented=share)) if talk.spoken]
        for share in (0.0, 1.0)
    )
    cities = set(load_entities().proper["city"])
    assert any(spoken.values.get("destination") in cities for talk in usual for spoken in talk.spoken)
    for talk in invented:
        for spoken in talk.spoken:
            assert spoken.values.get("destination") not in cities
            assert not set(talk.turns[-1][1]["missing_fields"]) & spoken.values.keys() or len(talk.spoken) > 1


def test_that_an_invented_name_begins_as_one_and_ends_as_another():
    assert blended("boston", "denver") == "bosver"
    assert blended("new york", "las vegas") == "new vegas"
    assert blended("", "x") == "x"


def test_that_unclear_rows_ask_back_with_low_confidence_and_all_others_are_sure_of_themselves(rows):
    for row in rows:
        for decision in decisions(row):
            if row["meta"]["situation"] == "unclear":
                assert decision["intent"] == "unclear"
                assert decision["primary_journey"] == "general"
                assert 0.15 <= decision["routing_confidence"] <= 0.45
                assert decision["missing_fields"] == ["request"]
            else:
                assert decision["routing_confidence"] > 0.5


def test_that_scores_lie_in_the_bands_of_what_was_asked(rows):
    bands = {"greeting": (0, 10), "planning": (60, 100), "multi_domain": (0, 59), "missing_parameters": (0, 59)}
    for row in rows:
        low, high = bands.get(row["meta"]["situation"], (0, 59))
        assert all(low <= decision["complexity_score"] <= high for decision in decisions(row)), row["id"]


def test_that_a_second_request_raises_the_score_and_adds_its_journey():
    for talk in conversations(2_000, seed=4, mix=Tier1Mix(domain=1.0, unclear=0.0, multi_domain=1.0, fact=0.0)):
        if talk.situation != "multi_domain":
            continue
        decision = talk.turns[-1][1]
        first, second = talk.spoken
        assert decision["primary_journey"] == first.intent.journey
        assert second.intent.journey in decision["journeys"]
        assert decision["complexity_score"] > first.intent.spec.complexity[0]


def test_that_most_queries_are_typed_in_lower_case_without_a_closing_mark(rows):
    texts = [text for row in rows for text in queries(row)]
    assert sum(text == text.lower() and text[-1] not in ".?!" for text in texts) / len(texts) > 0.5
    assert sum(text != text.lower() for text in texts) / len(texts) > 0.15


def test_that_follow_ups_keep_what_was_said_and_fill_or_change_a_slot(rows):
    kept = 0
    for row in (row for row in rows if row["meta"]["situation"] == "follow_up"):
        first, second = decisions(row)
        assert second["intent"] == first["intent"]
        assert set(second["missing_fields"]) <= set(first["missing_fields"])
        if first["missing_fields"]:
            assert len(second["missing_fields"]) < len(first["missing_fields"])
            kept += 1
    assert kept > 75


# What stands for a day, a clock time or a city whatever bank it is in.
_DAY = re.compile(
    r"\b(today|tomorrow|tonight|(mon|tues|wednes|thurs|fri|satur|sun)day|next week|this weekend|january|february|april"
    r"|june|july|august|september|october|november|december)\b"
)
_TIME = re.compile(r"\b\d{1,2}(:\d\d)? ?(am|pm)\b|\bnoon\b|\bo'clock\b")


@pytest.mark.parametrize("split", SPLITS)
def test_that_missing_fields_are_exactly_the_required_slots_the_sentence_lacks(split):
    slots = {bank.journey: bank.slots for bank in load_banks()}
    cities = re.compile(r"\b(" + "|".join(map(re.escape, load_entities().proper["city"])) + r")\b")
    seen_missing = 0
    for talk in conversations(5_000, seed=5, split=split):
        if talk.situation in ("follow_up", "unclear"):
            continue
        for spoken in talk.spoken:
            required = spoken.intent.spec.required
            assert [name for name in required if name not in spoken.values] == spoken.missing
            assert all(spoken.values[name] in spoken.text for name in required if name not in spoken.missing)
            rest = spoken.text
            for value in spoken.values.values():
                rest = rest.replace(value, "_")
            for name in spoken.missing:
                seen_missing += 1
                kind = _resolved(slots[spoken.intent.journey], name)
                looks_present = {"date": _DAY, "time": _TIME, "city": cities}.get(kind)
                assert looks_present is None or not looks_present.search(rest), (spoken.template, spoken.text)
    assert seen_missing > 700


_LITERALS = {
    "directions": ("destination", "get home"),
    "distance": ("destination", "my destination"),
    "ride_booking": ("destination", "(taxi|lyft) home"),
    "medication": ("medicine", "my prescription"),
    "pet_appointment": ("service", "kennel"),
    "book_caregiver": ("caregiver", "nanny"),
}


def test_that_a_slot_which_the_template_itself_names_is_not_missing():
    seen, random = Counter(), Random(6).random
    for intent in phrasebook("train").intents:
        name, words = _LITERALS.get(intent.spec.name, ("", ""))
        for _ in range(600 if name else 0):
            spoken = intent.say(random, "any")
            if spoken is not None and re.search(rf"\b{words}\b", spoken.text):
                seen[intent.spec.name] += 1
                assert name not in spoken.missing, spoken.text
    assert seen.keys() == _LITERALS.keys()


def _resolved(slots: dict, name: str) -> str:
    while isinstance(slots.get(name), str):
        name = slots[name].removeprefix("@")
    return name


def test_that_decided_slots_stand_in_what_was_typed():
    """Typing noise never touches a slot's value, save for capitals and apostrophes."""

    def plain(text: str) -> str:
        return text.lower().replace("’", "").replace("'", "")

    for talk in conversations(2_000, seed=9, mix=Tier1Mix(typos=1.0, abbreviations=1.0)):
        if talk.situation != "follow_up":
            text = plain(talk.turns[0][0])
            for spoken in talk.spoken:
                for value in spoken.values.values():
                    assert plain(value) in text


def test_that_no_phrasing_is_in_two_splits(rows, test_rows):
    def templates(of: list[dict]) -> set[str]:
        return {part for row in of for part in row["meta"]["template"].split("+")}

    shapes = list(generate_tier1(ROWS, seed=7, split="shapes"))
    known_names = list(generate_tier1(ROWS, seed=7, split="phrasings"))
    assert not templates(rows) & (templates(test_rows) | templates(known_names))
    assert not templates(shapes) & (templates(rows) | templates(test_rows))


def test_that_no_entity_is_in_both_splits():
    held_out = phrasebook("test").held_out_values
    names = set(load_entities().proper["city"]) | set(load_entities().proper["person"])
    for split in SPLITS:
        for talk in conversations(1_500, seed=2, split=split):
            for spoken in talk.spoken:
                for value in spoken.values.values():
                    if value in names:
                        assert (value in held_out) == (split in ("test", "shapes"))


def test_that_hardly_any_query_of_the_test_split_is_also_in_the_training_split(test_rows):
    training = {queries(row)[0].lower() for row in generate_tier1(8_000, seed=1)}
    shared = {queries(row)[0].lower() for row in test_rows if row["meta"]["situation"] != "unclear"} & training
    assert len(shared) < len(test_rows) * 0.005
