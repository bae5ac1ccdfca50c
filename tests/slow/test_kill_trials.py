"""A training worker killed at random moments, then resumed, ends with the weights of an uninterrupted run."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from arny_studio.jobs.folder import RunFolder
from tests.workers.training import STEPS, Worker, adapter_of, at_step, short_recipe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TRIALS = 8


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return short_recipe(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The adapter of a run that nobody disturbed."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole") / "run", recipe)
    with Worker(folder) as worker:
        assert worker.to_the_end() == 0
    return adapter_of(folder.outputs)


@pytest.mark.parametrize("trial", range(TRIALS))
def test_that_a_run_killed_at_a_random_moment_loses_nothing(recipe, whole, tmp_path: Path, trial: int):
    chance = random.Random(trial)
    folder = RunFolder.create(tmp_path / "run", recipe)
    with Worker(folder) as worker:
        worker.until(at_step(chance.randrange(1, STEPS)))
        # Somewhere inside the step, the checkpoint or the logging that follows.
        time.sleep(chance.random() * 0.05)
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.to_the_end()
    with Worker(folder) as again:
        assert again.to_the_end() == 0
    assert folder.is_complete
    resumed = adapter_of(folder.outputs)
    assert resumed.keys() == whole.keys()
    assert all(np.array_equal(resumed[name], whole[name]) for name in whole)
