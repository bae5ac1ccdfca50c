"""A training worker killed at named points and at random moments, then resumed, ends with the weights of a whole run."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from arny_studio.jobs.events import Log
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import TrainRecipe
from tests.workers.training import STEPS, Worker, adapter_of, at_step, short_recipe, train_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

RANDOM_TRIALS = 8
# Point, which time there, and what the resumed run says aloud, if anything.
NAMED = [
    ("reading the data", 1, ""),
    ("before the libraries", 1, ""),
    ("in a step", 15, ""),
    ("in a checkpoint", 3, "checkpoint-12 is torn"),
    ("before a seal", 4, ""),
    ("while pruning", 3, ""),
    ("in an evaluation", 3, ""),
    ("keeping the best", 1, ""),
    ("saving the adapter", 1, ""),
    ("before the manifest", 1, ""),
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> TrainRecipe:
    recipe = short_recipe(tmp_path_factory.mktemp("inputs"))
    return structs.replace(
        recipe, validation_data=recipe.train_data, validation_rows=6, eval_steps=6, keep_best_by="validation_loss",
        answer_steps=12, answer_rows=2, answer_tokens=8,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(recipe: TrainRecipe, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The adapter of a run that nobody disturbed."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole") / "run", recipe)
    with Worker(folder) as worker:
        assert worker.to_the_end() == 0
    return adapter_of(folder.outputs)


def resumed(folder: RunFolder, whole: dict[str, Any]) -> list[str]:
    """Go on to the end, compare the weights, and give what was said aloud."""
    with Worker(folder) as again:
        assert again.to_the_end() == 0, again.seen[-1]
    assert folder.is_complete
    weights = adapter_of(folder.outputs)
    assert weights.keys() == whole.keys()
    assert all(np.array_equal(weights[name], whole[name]) for name in whole)
    return [event.text for event in again.seen if isinstance(event, Log)]


@pytest.mark.parametrize("point, count, said", NAMED)
def test_that_a_run_killed_at_a_named_point_loses_nothing(
    recipe: TrainRecipe, whole: dict[str, Any], tmp_path: Path, point: str, count: int, said: str
):
    folder = RunFolder.create(tmp_path / "run", recipe)
    with Worker(folder, program=train_until(point, count)) as worker:
        assert worker.to_the_end() == -signal.SIGKILL, worker.seen[-1]
    assert not folder.is_complete
    texts = resumed(folder, whole)
    assert any(said in text for text in texts)


@pytest.mark.parametrize("trial", range(RANDOM_TRIALS))
def test_that_a_run_killed_at_a_random_moment_loses_nothing(
    recipe: TrainRecipe, whole: dict[str, Any], tmp_path: Path, trial: int
):
    chance = random.Random(trial)
    folder = RunFolder.create(tmp_path / "run", recipe)
    with Worker(folder) as worker:
        worker.until(at_step(chance.randrange(1, STEPS)))
        # Somewhere inside the step, the checkpoint or the logging that follows.
        time.sleep(chance.random() * 0.05)
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.to_the_end()
    resumed(folder, whole)


def test_that_a_deleted_checkpoint_costs_only_its_own_steps(recipe: TrainRecipe, whole: dict[str, Any], tmp_path: Path):
    import shutil

    folder = RunFolder.create(tmp_path / "run", recipe)
    with Worker(folder, program=train_until("in a step", 22)) as worker:
        worker.to_the_end()
    shutil.rmtree(folder.checkpoints / "checkpoint-20")
    assert any("Resumed from checkpoint-16" in text for text in resumed(folder, whole))
