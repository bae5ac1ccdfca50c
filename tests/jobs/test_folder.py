from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from arny_studio.errors import BadInput, BadRecipe, MissingFile
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import Finished, Hello, Metric
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.wire import encode_line
from arny_studio.recipe import ExportRecipe, TrainRecipe


def test_that_a_new_folder_holds_the_locked_recipe_and_gives_it_back(
    run_folder: RunFolder, recipe: TrainRecipe
) -> None:
    assert run_folder.recipe(TrainRecipe) == recipe
    assert (run_folder.kind, run_folder.title, run_folder.is_complete, run_folder.is_running) == (
        "train", "A small run", False, False
    )  # fmt: skip
    assert [path.name for path in run_folder.path.iterdir()] == ["recipe.toml"]
    assert run_folder.events() == []
    assert run_folder.state().attempts == 0


def test_that_a_recipe_of_another_kind_is_refused(run_folder: RunFolder) -> None:
    with pytest.raises(BadRecipe):
        run_folder.recipe(ExportRecipe)


def test_that_a_folder_with_a_run_is_not_taken_for_a_second(run_folder: RunFolder, recipe: TrainRecipe) -> None:
    with pytest.raises(BadInput, match="already holds a run"):
        RunFolder.create(run_folder.path, recipe)


def test_that_a_folder_without_recipe_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"is not a run folder: it has no recipe\.toml"):
        RunFolder.open(tmp_path)
    assert (RunFolder(tmp_path).kind, RunFolder(tmp_path).title) == ("", tmp_path.name)


def test_that_an_unreadable_recipe_has_no_kind(run_folder: RunFolder) -> None:
    run_folder.recipe_path.write_bytes(b"= \xff")
    assert run_folder.kind == ""


def test_that_folders_are_equal_by_path(tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "a") == RunFolder(tmp_path / "a")
    assert len({RunFolder(tmp_path / "a"), RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b")}) == 2
    assert RunFolder(tmp_path) != tmp_path
    assert repr(RunFolder(tmp_path)) == f"RunFolder({str(tmp_path)!r})"


def test_that_the_state_is_the_fold_of_the_log(run_folder: RunFolder) -> None:
    log = EventLog(run_folder.events_path)
    for event in (Hello(kind="train", pid=1), Metric(step=1, loss=2.0), Finished()):
        log.append(encode_line(event))
    log.close()
    state = run_folder.state()
    assert (state.attempts, len(state.curve), state.is_running) == (1, 1, False)


def test_that_the_manifest_lists_every_file_by_hash(run_folder: RunFolder, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "model.safetensors").write_bytes(b"weights")
    (base / "config.json").write_bytes(b"{}")
    adapter = run_folder.outputs / "adapter.safetensors"
    adapter.write_bytes(b"adapter")
    elsewhere = tmp_path / "elsewhere.gguf"
    elsewhere.write_bytes(b"gguf")
    run_folder.write_manifest(
        kind="train", inputs=[base], outputs=[adapter, elsewhere], seed=7, contract="router-v1"
    )  # fmt: skip
    assert run_folder.is_complete
    manifest = run_folder.manifest()
    assert [Path(record.path).name for record in manifest.inputs] == ["config.json", "model.safetensors"]
    assert manifest.inputs[1].sha256 == hashlib.sha256(b"weights").hexdigest()
    assert [record.path for record in manifest.outputs] == ["outputs/adapter.safetensors", str(elsewhere)]
    assert (manifest.kind, manifest.seed, manifest.contract, manifest.outputs[0].size_bytes) == (
        "train",
        7,
        "router-v1",
        7,
    )
    assert "msgspec" in manifest.versions
    assert json.loads(run_folder.manifest_path.read_text())["seed"] == 7


def test_that_a_missing_output_leaves_no_manifest(run_folder: RunFolder) -> None:
    with pytest.raises(MissingFile, match="there is no such file"):
        run_folder.write_manifest(
            kind="train", inputs=[], outputs=[run_folder.outputs / "gone"], seed=None, contract=""
        )  # fmt: skip
    assert not run_folder.is_complete
    with pytest.raises(MissingFile, match="is not complete"):
        run_folder.manifest()


def test_that_a_broken_manifest_is_named(run_folder: RunFolder) -> None:
    run_folder.manifest_path.write_text("{")
    with pytest.raises(BadInput, match="is not a manifest"):
        run_folder.manifest()
