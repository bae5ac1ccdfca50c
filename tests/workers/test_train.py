"""The training worker as a process of its own: killed, stopped, resumed, and left by whoever started it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from msgspec import structs

from arny_studio.dataset.content_hash import content_hash
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.dataset.snapshots import Snapshots
from arny_studio.engine.finetune import finetune
from arny_studio.jobs.events import Checkpoint, Failed, Finished, Hello, Log, Metric, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import TrainRecipe
from tests.workers.training import STEPS, Worker, adapter_of, at_step, sample, short_recipe, train_until


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> TrainRecipe:
    """Training and validation data lie in files of the same name."""
    made = short_recipe(tmp_path_factory.mktemp("inputs"))
    held_out = tmp_path_factory.mktemp("held-out") / "train.jsonl"
    held_out.write_text(json.dumps(sample(99)) + "\n", encoding="utf-8")
    return structs.replace(made, validation_data=str(held_out))


@pytest.mark.timeout(900)  # seven workers, each of which imports the training libraries
def test_that_a_run_killed_in_a_checkpoint_and_in_a_step_then_stopped_ends_with_the_weights_of_a_whole_one(
    recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        finetune(
            recipe,
            checkpoint_folder=tmp_path / "whole" / "checkpoints",
            outputs=tmp_path / "whole" / "outputs",
            emit=lambda _: None,
            asked_to_stop=lambda: None,
        )
    finally:
        torch.set_num_threads(threads)

    folder = RunFolder.create(tmp_path / "run", recipe)
    with Worker(folder, program=train_until("before a seal", 3)) as torn:
        assert torn.to_the_end() == -signal.SIGKILL
    assert isinstance(torn.seen[0], Hello)
    assert not folder.is_complete

    with Worker(folder) as killed:
        first = killed.until(lambda event: isinstance(event, Hello) and event.resumed_from is not None)
        assert first.resumed_from == 8
        killed.until(at_step(14))
        os.kill(killed.process.pid, signal.SIGKILL)
        assert killed.to_the_end() == -signal.SIGKILL
    said = [event.text for event in killed.seen if isinstance(event, Log)]
    assert any("checkpoint-12 is torn (it was never finished); it was set aside" in text for text in said)

    with Worker(folder) as stopped:
        resumed = stopped.until(lambda event: isinstance(event, Hello) and event.resumed_from is not None)
        assert resumed.resumed_from in {event.step for event in killed.seen if isinstance(event, Checkpoint)} | {16}
        stopped.until(at_step(resumed.resumed_from + 5))
        stopped.process.terminate()  # SIGTERM is the wish to stop and save
        assert stopped.to_the_end() == 3
    assert isinstance(stopped.seen[-1], Stopped)
    assert stopped.seen[-1].resumable
    saved = max(event.step for event in stopped.seen if isinstance(event, Checkpoint))
    assert (folder.checkpoints / f"checkpoint-{saved}" / "complete.json").is_file()
    assert not folder.is_complete

    data, elsewhere = Path(recipe.train_data), tmp_path / "moved.jsonl"
    with Worker(folder) as finishing:
        finishing.process.stdin.close()  # whoever started it is gone: a detached worker goes on
        finishing.until(at_step(1))
        data.rename(elsewhere)  # the rows have been read; the manifest says what they were
        assert finishing.to_the_end() == 0
    elsewhere.rename(data)
    assert isinstance(finishing.seen[-1], Finished)
    metrics = [event for event in finishing.seen if isinstance(event, Metric)]
    assert (metrics[0].step, metrics[-1].step) == (saved + 1, STEPS)

    whole, resumed_weights = adapter_of(tmp_path / "whole" / "outputs"), adapter_of(folder.outputs)
    assert whole.keys() == resumed_weights.keys()
    assert all((whole[name] == resumed_weights[name]).all() for name in whole)

    manifest = folder.manifest()
    assert (manifest.kind, manifest.seed, manifest.contract) == ("train", recipe.seed, "router-v1")
    assert {Path(record.path).name for record in manifest.inputs} >= {"train.jsonl", "model.safetensors"}
    assert "outputs/adapter/adapter_model.safetensors" in {record.path for record in manifest.outputs}
    assert folder.state().curve.last_step == STEPS
    used = folder.state().results["data"]
    assert {side: values["path"] for side, values in used.items()} == {
        "train": recipe.train_data, "validation": recipe.validation_data,
    }  # fmt: skip
    for values in used.values():
        snapshots = Snapshots(Sidecar(Path(values["path"])).snapshots)
        assert values["content_hash"] == content_hash(snapshots.content(snapshots.find(values["snapshot"])))

    with Worker(folder) as again:
        assert again.to_the_end() == 0
    assert "complete already" in again.seen[-1].summary


@pytest.mark.parametrize(
    "change, exit_code, kind, sentence",
    [
        ("learning_rat = 0.1", 2, "bad_input", "no field learning_rat"),
        ('train_data = "/nowhere.jsonl"', 1, "missing_file", "There is no dataset at /nowhere.jsonl"),
        ('base = "/nowhere"', 1, "missing_file", "There is no base model at /nowhere"),
    ],
)
def test_that_bad_input_ends_at_once_in_one_sentence(
    change: str, exit_code: int, kind: str, sentence: str, recipe: TrainRecipe, tmp_path: Path
):
    folder = RunFolder.create(tmp_path / "run", recipe)
    key = change.partition(" =")[0]
    kept = [line for line in folder.recipe_path.read_text().splitlines() if not line.startswith(f"{key} =")]
    folder.recipe_path.write_text("\n".join([*kept, change]), encoding="utf-8")
    with Worker(folder) as worker:
        assert worker.to_the_end() == exit_code
    assert isinstance(worker.seen[-1], Failed)
    assert worker.seen[-1].kind == kind
    assert sentence in worker.seen[-1].sentence
    assert not any(folder.outputs.iterdir())
