"""Guesses at how a decision goes on: right where the rows say so, never in the way, and safe to read from a file."""

from __future__ import annotations

import json
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arny_studio.contract import encode, load_contract
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.engine.draft_table import DraftTable, drafts_beside, drafts_path, write_drafts_beside
from arny_studio.errors import BadInput
from tests import pinned_contract as pinned

CONTRACT = load_contract("router-v1")
ROWS: list[tuple[str, dict[str, Any]]] = [
    *((f"what is the capital of {land}?", pinned.ANSWER) for land in ("France", "France again", "France once more")),
    *((f"book a flight to {city}", pinned.CLARIFY) for city in ("Rome", "Oslo", "Lima", "Bonn", "Kiel")),
    *((f"compare {one} with coal", pinned.REASON | {"intent": "comparison"}) for one in ("wind", "sun", "water")),
]


@pytest.fixture(scope="module")
def table() -> DraftTable:
    return DraftTable.of(CONTRACT, ROWS)


def test_that_a_query_like_the_training_rows_is_guessed_whole(table: DraftTable):
    guess = table.drafter("book a flight to Paris").rest(b"")
    assert guess.text == encode(CONTRACT, pinned.CLARIFY)
    assert 0.8 < guess.shares[-1][1] <= 1.0


def test_that_most_intents_of_requests_never_heard_are_guessed_at_once():
    """Measured: 60 %; by the most similar rows alone, without likelihoods, 40 %."""

    def told(rows):
        return [(row["messages"][1]["content"], json.loads(row["messages"][2]["content"])) for row in rows]

    table = DraftTable.of(CONTRACT, told(generate_tier1(4_000, seed=7)))
    asked = told(generate_tier1(200, seed=8, split="test"))
    guesses = [table.drafter(query).rest(b"").text for query, _ in asked]
    beginnings = [f'{{"intent":{json.dumps(decision["intent"])}' for _, decision in asked]
    assert sum(map(str.startswith, guesses, beginnings)) > len(asked) / 2


def test_that_the_guess_goes_on_from_what_is_written(table: DraftTable):
    begun = b'{"intent":"flight_booking","primary_journey":"fl'
    assert (begun.decode() + table.drafter("anything at all").rest(begun).text) == encode(CONTRACT, pinned.CLARIFY)


def test_that_what_the_model_said_counts_more_than_the_query(table: DraftTable):
    whole = '{"intent":"fact_lookup"' + table.drafter("book a flight to Paris").rest(b'{"intent":"fact_lookup"').text
    assert whole == encode(CONTRACT, pinned.ANSWER)


def test_that_shares_never_rise_along_a_guess(table: DraftTable):
    shares = [share for _, share in table.drafter("tell me about wind and flights").rest(b"").shares]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(shares))
    assert 0 < shares[-1] < 1


def test_that_a_text_nobody_has_said_is_not_guessed_within_but_after(table: DraftTable):
    drafter = table.drafter("what is the capital of Peru?")
    open_text = (
        b'{"intent":"fact_lookup","primary_journey":"general","journeys":["general"],"direct_answer":"Quite unheard'
    )
    assert drafter.rest(open_text).text == ""
    assert drafter.rest(open_text + b'","missing_fields":').text.startswith('[],"needs_clarification":false')


def test_that_free_text_goes_on_from_words_that_recur():
    said = [("q1", pinned.ANSWER | {"direct_answer": "A bear is an animal of the woods."})]
    drafter = DraftTable.of(CONTRACT, said).drafter("q2")
    head = encode(CONTRACT, pinned.ANSWER).split('"Paris.')[0].encode()
    assert drafter.rest(head + b'"A wolf is an animal').text.startswith(' of the woods."')


def test_that_text_out_of_order_or_no_json_gets_no_guess(table: DraftTable):
    drafter = table.drafter("book a flight")
    for raw in (b"Sure!", b'{"journeys":', b'{ "intent" : ', b"\xff\xfe", b"{}"):
        assert drafter.rest(raw).text == ""


def test_that_an_empty_table_guesses_nothing_and_learns_if_it_may():
    still, learning = DraftTable(CONTRACT), DraftTable(CONTRACT, learns=True)
    for table in (still, learning):
        assert table.drafter("book a flight").rest(b"").text == ""
        table.observe("book a flight", pinned.CLARIFY)
    assert still.size == 0
    assert learning.drafter("book a flight").rest(b"").text == encode(CONTRACT, pinned.CLARIFY)


def test_that_what_is_learnt_is_bounded():
    table = DraftTable(CONTRACT, learns=True)
    for number in range(600):
        table.observe(f"query {number}", pinned.ANSWER)
    assert table.size == 512


def test_that_a_saved_table_guesses_the_same(table: DraftTable, tmp_path: Path):
    table.save(tmp_path / "t.drafts")
    loaded = DraftTable.load(tmp_path / "t.drafts", CONTRACT)
    for query in ("book a flight to Paris", "capital of Spain", "compare trams with coal"):
        first, second = table.drafter(query).rest(b""), loaded.drafter(query).rest(b"")
        assert first.text == second.text
        assert [share for _, share in first.shares] == pytest.approx([share for _, share in second.shares], abs=1e-5)


def test_that_one_table_serves_every_format_of_a_model(tmp_path: Path):
    assert drafts_path(tmp_path / "arny-Q4_K_M.gguf") == drafts_path(tmp_path / "arny-F16.gguf")
    path = write_drafts_beside(tmp_path / "arny-Q8_0.gguf", CONTRACT, ROWS)
    assert path == tmp_path / "arny.drafts"
    found = drafts_beside(tmp_path / "arny-Q4_K_M.gguf", CONTRACT)
    assert found is not None
    assert found.size == len(ROWS)
    assert drafts_beside(tmp_path / "other.gguf", CONTRACT) is None
    assert write_drafts_beside(tmp_path / "none.gguf", CONTRACT, [("q", {"intent": "x"})]) is None


def test_that_a_table_of_another_contract_or_none_is_refused_and_never_in_the_way(table: DraftTable, tmp_path: Path):
    path = tmp_path / "arny.drafts"
    table.save(path)
    with pytest.raises(BadInput, match="was made for the contract router-v1, not for tools-v1"):
        DraftTable.load(path, load_contract("tools-v1"))
    stored = msgspec.msgpack.decode(zlib.decompress(path.read_bytes()))
    hostile = [
        b"", b"GGUF", zlib.compress(b"\x00" * 100), zlib.compress(b"\x00" * (80 << 20)), path.read_bytes()[:200],
        *(
            zlib.compress(msgspec.msgpack.encode(stored | change))
            for change in (
                {"format": "other"}, {"codes": b"\xff" * 24 * len(ROWS)}, {"codes": b"x"}, {"rows": b"\xff" * 8},
                {"starts": stored["starts"][4:]}, {"feature_weights": b"\x00\x00\xc0\x7f" * (len(stored["features"]) // 4)},
                {"values": stored["values"][1:]}, {"extra": 1},
            )
        ),
    ]  # fmt: skip
    for content in hostile:
        path.write_bytes(content)
        with pytest.raises(BadInput, match="draft table"):
            DraftTable.load(path, CONTRACT)
        assert drafts_beside(tmp_path / "arny-Q8_0.gguf", CONTRACT) is None


def test_that_rows_without_all_fields_are_left_out():
    assert DraftTable.of(CONTRACT, [("q", {"intent": "x"}), *ROWS[:1]]).size == 1
    assert json.loads(encode(CONTRACT, ROWS[0][1])) == pinned.ANSWER
