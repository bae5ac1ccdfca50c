"""Rows fall on sides by what they ask: evenly in every journey, together with their likes, and again the same."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.contract.decision import encode
from arny_studio.contract.schema import load_contract
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.dataset.samples import write_jsonl
from arny_studio.dataset.splitting import LEFT_OUT, SIDES, SplitShares, split_file, split_rows
from arny_studio.errors import BadInput, BadRecipe

SHARES = SplitShares(validation=0.2, test=0.1)


def lines_of(report):
    return {side: path.read_bytes().splitlines() for side, (path, _) in report.sides.items()}


def queries_in(lines):
    return {orjson.loads(line)["messages"][-2]["content"].casefold() for line in lines}


def hashes(count, seed=0):
    return np.random.default_rng(seed).integers(1, 1 << 63, count, dtype=np.uint64)


def test_that_every_journey_has_its_share_on_every_side():
    journeys = np.repeat(np.arange(5), [400, 100, 100, 30, 3])
    sides = split_rows(hashes(len(journeys)), journeys, SHARES)
    for journey, count in ((0, 400), (1, 100), (2, 100), (3, 30)):
        found = np.bincount(sides[journeys == journey], minlength=3)
        assert abs(found[SIDES.index("validation")] - 0.2 * count) <= 1
        assert abs(found[SIDES.index("test")] - 0.1 * count) <= 1


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(-1, 4)), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_that_what_belongs_together_stays_together_in_any_order(rows, chance):
    def split(rows):
        queries, journeys, groups = (np.array(column) for column in zip(*rows, strict=True))
        return split_rows(queries.astype(np.uint64), journeys, SHARES, groups=groups.astype(np.int64))

    sides = split(rows)
    assert [side == LEFT_OUT for side in sides.tolist()] == [query == 0 for query, _, _ in rows]
    for part, nothing in ((0, 0), (2, -1)):
        met: dict[int, int] = {}
        for row, side in zip(rows, sides.tolist(), strict=True):
            if row[part] != nothing and side != LEFT_OUT:
                assert met.setdefault(row[part], side) == side
    order = list(range(len(rows)))
    chance.shuffle(order)
    again = split([rows[n] for n in order])
    whole = dict(zip(rows, sides.tolist(), strict=True))
    if len({query for query, _, _ in rows}) == len(rows):
        assert {rows[n]: side for n, side in zip(order, again.tolist(), strict=True)} == whole


def test_that_rows_stay_on_their_side_when_others_come_and_when_they_are_relabelled(tmp_path):
    contract = load_contract()
    rows = list(generate_tier1(600, seed=3))
    path = tmp_path / "d.jsonl"
    write_jsonl(path, rows[:300])
    first = lines_of(split_file(path, tmp_path / "out", SHARES))
    for row in rows:
        decision = json.loads(row["messages"][-1]["content"])
        row["messages"][-1]["content"] = encode(contract, decision | {"routing_confidence": 0.5})
    write_jsonl(path, rows[::-1])
    report = split_file(path, tmp_path / "out", SHARES)
    second = lines_of(report)
    for side, lines in first.items():
        assert queries_in(lines) <= queries_in(second[side])
    assert report.remembered >= 300
    assert sum(len(lines) for lines in second.values()) == 600
    assert queries_in(second["train"]).isdisjoint(queries_in(second["test"] + second["validation"]))


def test_that_near_duplicates_are_kept_on_one_side_where_they_are_looked_for(tmp_path):
    text = "Please find me a cheap hotel in the middle of Paris for the second weekend of May, number {}"
    turns = [
        [{"role": "user", "content": text.format(n)}, {"role": "assistant", "content": "Gladly."}] for n in range(40)
    ]
    path = tmp_path / "d.jsonl"
    write_jsonl(path, [{"messages": turn} for turn in turns])
    together = split_file(path, tmp_path / "near", SHARES, near_duplicates=True)
    assert sorted(count for _, count in together.sides.values()) == [0, 0, 40]
    apart = split_file(path, tmp_path / "apart", SHARES)
    assert apart.sides["test"][1] == pytest.approx(4, abs=1)


def test_that_rows_are_copied_byte_for_byte_and_unreadable_ones_left_out(tmp_path):
    odd = (
        b'{"id":  "x",\t"messages":[{"role":"user","content":"\\u00e9"},{"role":"assistant","content":"a"}], "n": 1.50}'
    )
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + odd + b"\r\n{broken\n\n")
    report = split_file(path, tmp_path, SplitShares(validation=0))
    assert lines_of(report) == {"train": [odd]}
    assert report.left_out == 1


def test_that_an_earlier_split_is_forgotten_on_request_and_a_damaged_memory_is_said(tmp_path):
    path = tmp_path / "d.jsonl"
    write_jsonl(path, generate_tier1(50, seed=1))
    split_file(path, tmp_path, SHARES)
    assert split_file(path, tmp_path, SHARES).remembered == 50
    assert split_file(path, tmp_path, SHARES, fresh=True).remembered == 0
    (tmp_path / "d.split.npz").write_bytes(b"oops")
    with pytest.raises(BadInput, match="is not a memory of a split"):
        split_file(path, tmp_path, SHARES)


def test_that_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(BadRecipe, match="leave rows for training"):
        SplitShares(validation=0.6, test=0.4)
