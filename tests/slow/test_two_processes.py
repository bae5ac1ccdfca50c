"""Two gloo processes on the CPU: the loss of one process at the same global batch, and the same adapter.

The batches of an epoch divide evenly here; where they do not, accelerate repeats some so that every process has work.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from arny_studio.jobs.events import Checkpoint, Failed, Finished, Metric
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import TrainRecipe
from tests.workers.training import Worker, adapter_of, at_step, short_recipe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 12


def trained(folder: Path, recipe: TrainRecipe) -> tuple[list[float], list[float], dict[str, Any]]:
    run = RunFolder.create(folder, recipe)
    with Worker(run) as worker:
        assert worker.to_the_end() == 0, worker.seen[-1]
    assert isinstance(worker.seen[-1], Finished)
    metrics = [event for event in worker.seen if isinstance(event, Metric)]
    losses = [metric.loss for metric in metrics if metric.loss is not None]
    return losses, [m.validation_loss for m in metrics if m.validation_loss is not None], adapter_of(run.outputs)


@pytest.fixture
def recipe(tmp_path: Path) -> TrainRecipe:
    recipe = short_recipe(tmp_path / "inputs")
    return structs.replace(
        recipe, lora_dropout=0.0, max_steps=STEPS, batch_size=2, gradient_accumulation=2, eval_steps=6,
        validation_data=recipe.train_data, learning_rate=2e-3,
    )  # fmt: skip


@pytest.mark.parametrize("packing", [False, True])
def test_that_two_processes_learn_what_one_learns(recipe: TrainRecipe, tmp_path: Path, packing: bool):
    recipe = structs.replace(recipe, packing=packing, batch_size=1 if packing else 2)
    losses, validation, adapter = trained(tmp_path / "one", recipe)
    halved = structs.replace(recipe, processes=2, gradient_accumulation=1)
    losses2, validation2, adapter2 = trained(tmp_path / "two", halved)
    assert len(losses) == len(losses2) == STEPS
    np.testing.assert_allclose(losses2, losses, rtol=2e-4)
    np.testing.assert_allclose(validation2, validation, rtol=2e-4)
    for name, weight in adapter.items():
        np.testing.assert_allclose(adapter2[name], weight, atol=3e-3)


def test_that_a_stop_reaches_both_and_a_killed_rank_ends_the_run_in_one_sentence(recipe: TrainRecipe, tmp_path: Path):
    run = RunFolder.create(tmp_path / "run", structs.replace(recipe, processes=2, max_steps=300, epochs=100))
    with Worker(run) as stopped:
        stopped.until(at_step(5))
        stopped.process.terminate()
        assert stopped.to_the_end() == 3
    assert any(isinstance(event, Checkpoint) for event in stopped.seen)
    with Worker(run) as broken:
        broken.until(at_step(9))
        (rank,) = children_of(broken.process.pid)
        os.kill(rank, signal.SIGKILL)
        assert broken.to_the_end() == 1
    failed = broken.seen[-1]
    assert isinstance(failed, Failed)
    assert failed.sentence.startswith("A process that trains with this one ended at step")


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split() if b"train_rank" in Path(f"/proc/{child}/cmdline").read_bytes()]
