"""From file to tokens: what is skipped and why, how rows are packed, and an order that can be repeated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.engine.rendering import IGNORED, Renderer
from arny_studio.engine.training_data import NAMED_PROBLEMS, epoch_order, pack, read_training_rows
from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.events import Log
from tests.tiny_models import make_tiny_base


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    return Renderer.from_folder(make_tiny_base(tmp_path_factory.mktemp("base"), layers=1))


def row(question: str, answer: str | None) -> str:
    turns = [{"role": "user", "content": question}]
    if answer is not None:
        turns.append({"role": "assistant", "content": answer})
    return json.dumps({"messages": turns})


def test_that_unusable_rows_are_skipped_counted_and_named(renderer: Renderer, tmp_path: Path):
    lines = [row("a", "b"), "{broken", row("nobody answers", None), row("x" * 900, "late"), row("c", "d<|im_end|>")]
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    said: list[Log] = []
    found = read_training_rows(path, renderer, max_length=128, say=said.append)
    assert (len(found.rows), found.skipped, found.truncated) == (1, 4, 0)
    assert [log.text.split(":")[1] for log in said] == ["2", "3", "4", "5"]
    texts = " ".join(log.text for log in said)
    assert "not JSON" in texts
    assert "says nothing" in texts
    assert "cut at 128" in texts
    assert "control token" in texts
    assert all(log.level == "warning" for log in said)


def test_that_a_row_that_is_cut_within_the_answer_is_kept_and_said(renderer: Renderer, tmp_path: Path):
    path = tmp_path / "data.jsonl"
    path.write_text(row("a", "b " * 300) + "\n" + row("a", "b"), encoding="utf-8")
    said: list[Log] = []
    found = read_training_rows(path, renderer, max_length=64, say=said.append)
    assert (found.truncated, max(found.lengths)) == (1, 64)
    assert "1 of 2 rows of data.jsonl are longer than 64 tokens" in said[0].text
    assert found.supervised == sum(int((one.labels != IGNORED).sum()) for one in found.rows)


def test_that_of_many_problems_only_the_first_are_named(renderer: Renderer, tmp_path: Path):
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(["oops"] * 50 + [row("a", "b")]), encoding="utf-8")
    said: list[Log] = []
    read_training_rows(path, renderer, max_length=64, say=said.append)
    assert len(said) == NAMED_PROBLEMS + 1
    assert said[-1].text == f"Skipped {50 - NAMED_PROBLEMS} more rows of data.jsonl."


def test_that_a_limit_takes_the_first_rows(renderer: Renderer, tmp_path: Path):
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(row(f"q{number}", "a") for number in range(30)), encoding="utf-8")
    every = read_training_rows(path, renderer, max_length=64, say=lambda _: None)
    some = read_training_rows(path, renderer, max_length=64, say=lambda _: None, limit=7)
    assert len(some.rows) == 7
    assert all((a.ids == b.ids).all() for a, b in zip(some.rows, every.rows, strict=False))


@pytest.mark.parametrize("content, sentence", [("", "has no rows"), ("x\ny", "no usable row: all 2 were skipped")])
def test_that_a_file_without_a_usable_row_is_refused(content: str, sentence: str, renderer: Renderer, tmp_path: Path):
    (tmp_path / "data.jsonl").write_text(content)
    with pytest.raises(BadInput, match=sentence):
        read_training_rows(tmp_path / "data.jsonl", renderer, max_length=64, say=lambda _: None)
    with pytest.raises(MissingFile):
        read_training_rows(tmp_path / "other.jsonl", renderer, max_length=64, say=lambda _: None)


@given(st.lists(st.integers(1, 64), max_size=200))
def test_that_packs_hold_every_row_once_and_never_too_much(lengths: list[int]):
    packs = pack(lengths, 64)
    assert sorted(index for group in packs for index in group) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in group) <= 64 for group in packs)
    # Best fit leaves at most one pack that is half empty: two such would have been one.
    assert sum(sum(lengths[index] for index in group) <= 32 for group in packs) <= 1


@given(st.lists(st.integers(1, 500), min_size=1, max_size=300), st.integers(1, 8), st.integers(0, 9))
def test_that_an_epochs_order_holds_every_row_once_and_can_be_repeated(lengths: list[int], batch: int, epoch: int):
    order = epoch_order(lengths, batch, seed=3, epoch=epoch)
    assert sorted(order) == list(range(len(lengths)))
    assert order == epoch_order(lengths, batch, seed=3, epoch=epoch)


def test_that_epochs_and_seeds_differ_and_like_lengths_lie_together():
    lengths = np.random.default_rng(0).integers(10, 500, 2000).tolist()
    order = epoch_order(lengths, 8, seed=1, epoch=0)
    assert order != epoch_order(lengths, 8, seed=1, epoch=1)
    assert order != epoch_order(lengths, 8, seed=2, epoch=0)

    def padded(rows: list[int]) -> int:
        batches = [[lengths[row] for row in rows[at : at + 8]] for at in range(0, len(rows), 8)]
        return sum(max(batch) * len(batch) for batch in batches)

    assert padded(order) < 1.05 * sum(lengths)
    assert padded(list(range(2000))) > 1.5 * sum(lengths)
    assert max(lengths) in [lengths[row] for row in order[:8]]
