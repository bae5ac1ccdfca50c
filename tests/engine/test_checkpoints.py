"""Checkpoints: complete or set aside, whatever was torn off them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.engine import checkpoints
from arny_studio.engine.checkpoints import MANIFEST


def write_checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "adapter_model.safetensors").write_bytes(os.urandom(3000))
    (path / "optimizer.pt").write_bytes(bytes([step % 256]) * 5000)
    (path / "trainer_state.json").write_text("{}")
    checkpoints.seal(path, step=step, tokens=step * 100, used_s=step / 2)
    return path


def test_that_the_newest_complete_one_is_found_by_step_and_not_by_time(tmp_path: Path):
    for step in (100, 20, 9):
        write_checkpoint(tmp_path, step)
    found, said = checkpoints.newest_complete(tmp_path)
    assert found is not None
    assert (found.folder.name, found.manifest.tokens, found.manifest.used_s) == ("checkpoint-100", 10_000, 50.0)
    assert said == []


def test_that_a_run_without_checkpoints_has_none(tmp_path: Path):
    assert checkpoints.newest_complete(tmp_path / "nothing") == (None, [])
    (tmp_path / "checkpoint-x").mkdir()
    assert checkpoints.newest_complete(tmp_path) == (None, [])


def without_manifest(path: Path) -> None:
    (path / MANIFEST).unlink()


def with_half_a_manifest(path: Path) -> None:
    content = (path / MANIFEST).read_bytes()
    (path / MANIFEST).write_bytes(content[: len(content) // 2])


def with_a_file_cut(path: Path) -> None:
    os.truncate(path / "optimizer.pt", 100)


def with_a_file_deleted(path: Path) -> None:
    (path / "adapter_model.safetensors").unlink()


def with_a_bit_flipped(path: Path) -> None:
    content = bytearray((path / "adapter_model.safetensors").read_bytes())
    content[1234] ^= 1
    (path / "adapter_model.safetensors").write_bytes(content)


@pytest.mark.parametrize(
    "tear", [without_manifest, with_half_a_manifest, with_a_file_cut, with_a_file_deleted, with_a_bit_flipped]
)
def test_that_a_torn_one_is_set_aside_and_the_one_before_it_is_used(tear, tmp_path: Path):
    write_checkpoint(tmp_path, 10)
    tear(write_checkpoint(tmp_path, 20))
    found, said = checkpoints.newest_complete(tmp_path)
    assert found is not None
    assert found.folder.name == "checkpoint-10"
    assert len(said) == 1
    assert "checkpoint-20 is torn" in said[0]
    assert (tmp_path / "torn-checkpoint-20").is_dir()
    assert checkpoints.newest_complete(tmp_path) == (found, [])


def test_that_a_second_torn_one_of_the_same_step_gets_another_name(tmp_path: Path):
    for _ in range(3):
        without_manifest(write_checkpoint(tmp_path, 5))
        assert checkpoints.newest_complete(tmp_path)[0] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "torn-checkpoint-5",
        "torn-checkpoint-5-2",
        "torn-checkpoint-5-3",
    ]


def test_that_pruning_keeps_the_newest_and_leaves_what_was_set_aside(tmp_path: Path):
    for step in (1, 2, 30, 4):
        write_checkpoint(tmp_path, step)
    (tmp_path / "torn-checkpoint-3").mkdir()
    checkpoints.prune(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-30", "checkpoint-4", "torn-checkpoint-3"]


@given(st.integers(0, 7999), st.integers(1, 255))
@settings(max_examples=30, deadline=None)
def test_that_any_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, position: int, flip: int):
    path = write_checkpoint(tmp_path_factory.mktemp("run"), 1)
    assert checkpoints.fault_of(path) == ""
    name, at = ("adapter_model.safetensors", position) if position < 3000 else ("optimizer.pt", position - 3000)
    content = bytearray((path / name).read_bytes())
    content[at] ^= flip
    (path / name).write_bytes(content)
    assert name in checkpoints.fault_of(path)
