"""A row falls on the same side, whatever file, order or run it comes in."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset.splitting import SplitShares, side_of, split_file
from arny_studio.errors import BadRecipe

SHARES = SplitShares(validation=0.2, test=0.1)


def write(path, ids):
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    path.write_text("".join(json.dumps({"id": name, "messages": turns}) + "\n" for name in ids))
    return path


def ids_in(path):
    return [json.loads(text)["id"] for text in path.read_text().splitlines()]


def test_that_the_sides_are_disjoint_complete_and_about_as_large_as_asked(tmp_path):
    names = [f"row-{n}" for n in range(2000)]
    written = split_file(write(tmp_path / "d.jsonl", names), tmp_path / "out", SHARES)
    sides = {side: ids_in(path) for side, (path, _) in written.items()}
    assert sorted(itertools.chain.from_iterable(sides.values())) == sorted(names)
    assert len(sides["validation"]) == pytest.approx(400, rel=0.2)
    assert len(sides["test"]) == pytest.approx(200, rel=0.25)


def test_that_a_row_stays_on_its_side_when_others_come_and_go(tmp_path):
    few = split_file(write(tmp_path / "few.jsonl", ["a", "b", "c"]), tmp_path, SHARES)
    many = split_file(write(tmp_path / "many.jsonl", [f"x{n}" for n in range(50)] + ["c", "b", "a"]), tmp_path, SHARES)
    for side, (path, _) in few.items():
        assert set(ids_in(path)) <= set(ids_in(many[side][0]))


def test_that_lines_are_copied_byte_for_byte(tmp_path):
    odd = (
        '{"id":  "x",\t"messages":[{"role":"user","content":"\\u00e9"},{"role":"assistant","content":"a"}], "n": 1.50}'
    )
    (tmp_path / "d.jsonl").write_text(odd)
    [(path, _)] = list(split_file(tmp_path / "d.jsonl", tmp_path, SplitShares(validation=0)).values())
    assert path.read_text() == odd + "\n"


@given(st.text())
def test_that_any_id_has_a_side_and_no_share_means_no_rows(name):
    assert side_of(name, SplitShares(validation=0)) == "train"
    assert side_of(name, SHARES) in ("train", "validation", "test")


def test_that_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(BadRecipe, match="leave rows for training"):
        SplitShares(validation=0.6, test=0.4)
