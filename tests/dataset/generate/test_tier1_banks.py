"""The shipped banks are sound, and a broken bank is refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.tier1.banks import Bank, BankError, load_banks, load_entities, load_facts
from arny_studio.dataset.generate.tier1.entities import OPEN_LIST_SIZE, EntitySplit, title
from arny_studio.dataset.generate.tier1.noise import NoiseShares, is_question, misspelt, typed
from arny_studio.dataset.generate.tier1.phrasebook import entity_lists, phrasebook

GOOD = """
journey = "flight"
[[intents]]
name = "flight_booking"
situation = "tool"
execution = "cloud_agent"
complexity = [20, 30]
required = ["city"]
templates = ["fly to {city}"]
held_out = ["a seat to {city}"]
"""


def open_lists() -> Iterator[tuple[str, tuple[str, ...]]]:
    entities = load_entities()
    yield from (*entities.proper.items(), *entities.common.items())
    for bank in load_banks():
        lists = ((name, bank.slots[name]) for name in entity_lists(bank))
        yield from ((name, values) for name, values in lists if not isinstance(values, str))
    general = {"author", "capital", "definition", "fun_fact", "trivia"}
    yield from ((name, tuple(load_facts()[name].entries)) for name in sorted(general))


@pytest.fixture(scope="module")
def banks() -> tuple[Bank, ...]:
    return load_banks()


def test_that_there_is_a_bank_for_every_journey_of_the_contract(banks):
    assert {bank.journey for bank in banks} == set(load_contract("router-v1").journeys)


def test_that_every_intent_has_training_and_held_out_phrasings(banks):
    for bank in banks:
        for intent in bank.intents:
            assert len(intent.held_out) >= 3, intent.name
            assert len(intent.templates) >= 3, intent.name


def test_that_all_splits_compile(banks):
    assert {len(phrasebook(split).intents) for split in ("train", "phrasings", "test", "shapes")} == {
        sum(len(bank.intents) for bank in banks)
    }


def test_that_every_open_list_keeps_a_fifth_for_testing_and_most_for_training():
    held_out = phrasebook("train").held_out_values
    for name, values in open_lists():
        unique = set(values)
        if len(unique) >= OPEN_LIST_SIZE:
            share = len(unique & held_out) / len(unique)
            assert 0.2 <= share <= 0.6, name


@given(st.lists(st.text(min_size=1, max_size=6), min_size=OPEN_LIST_SIZE, unique=True))
def test_that_a_split_of_any_list_is_a_partition(values):
    split = EntitySplit([values])
    train, test = split.values(values, "train"), split.values(values, "test")
    assert sorted(train + test) == sorted(values)
    assert len(test) >= len(values) / 5


def test_that_a_value_is_on_one_side_in_every_list_that_holds_it():
    shared = [f"value {n}" for n in range(40)]
    split = EntitySplit([shared, shared[:11], shared[5:30]])
    for values in (shared, shared[:11], shared[5:30]):
        assert set(split.values(values, "train")).isdisjoint(split.values(shared, "test"))


def test_that_short_lists_are_closed_vocabularies_of_both_splits():
    cabins = ("economy", "business class", "first class")
    split = EntitySplit([cabins])
    assert split.values(cabins, "train") == split.values(cabins, "test") == list(cabins)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("[20, 30]", "[30, 20]"), "complexity must rise"),
        (("[20, 30]", "[20, 90]"), "complexity must rise"),
        (('execution = "cloud_agent"', ""), "a tool needs an execution"),
        (('["a seat to {city}"]', '["fly to {city}"]'), "both for training and held out"),
        (('["a seat to {city}"]', "[]"), "templates are missing"),
        (('"tool"\nexecution = "cloud_agent"', '"answer"'), "an answer is missing"),
        (("required", "requires"), "requires"),
        (('journey = "flight"', "journey = 3"), "journey"),
        (("[[intents]]", "[[intents"), "line 3"),
    ],
)
def test_that_a_broken_bank_is_refused_with_file_and_reason(tmp_path, change, sentence):
    path = tmp_path / "flight.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_banks(tmp_path)[0].journey == "flight"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(BankError, match=sentence) as caught:
        load_banks(tmp_path)
    assert "flight.toml" in caught.value.sentence


def test_that_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(BankError, match="No phrase banks"):
        load_banks(tmp_path)


def test_that_names_get_their_capitals():
    assert [title(name) for name in ("new york", "rio de janeiro", "o'hare")] == [
        "New York",
        "Rio de Janeiro",
        "O'hare",
    ]


@pytest.mark.parametrize(
    ("text", "asks"),
    [("what time is it", True), ("hey arny can you help", True), ("book a flight", False), ("ok so book it", False)],
)
def test_that_questions_are_told_from_commands(text, asks):
    assert is_question(text) is asks


@given(st.from_regex(r"\A[a-z]{4,12}\Z"), st.randoms(use_true_random=False))
def test_that_a_misspelt_word_keeps_its_first_letter_and_nearly_its_length(word, random):
    slip = misspelt(word, random.random)
    assert slip[0] == word[0]
    assert abs(len(slip) - len(word)) <= 1


@given(st.randoms(use_true_random=False))
def test_that_typing_leaves_slot_values_alone(random):
    shares = NoiseShares(cased=0.5, shouted=0.0, typos=1.0, abbreviations=1.0, wrapped=0.5)
    surface = typed("please take me to grand rapids tomorrow", ["grand rapids"], random.random, shares, names={})
    assert "grand rapids" in surface.text.lower()
