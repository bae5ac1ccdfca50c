"""The queue over real trainings: it outlives the command that started it, and a kill of its own worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.queue import RunQueue
from arny_studio.jobs.workspace import Workspace
from tests.workers.training import ROOT, STEPS, short_recipe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def arny(*arguments: str) -> None:
    command = [sys.executable, "-m", "arny_studio.cli.main", *arguments]
    subprocess.run(command, check=True, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"}, cwd=ROOT)


def wait_for(reached: Callable[[], bool], patience_s: float = 300) -> None:
    deadline_s = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < deadline_s, "it did not come"
        time.sleep(0.1)


def step_of(run: RunFolder) -> int:
    return run.state().step


def test_that_a_killed_queue_leaves_its_training_alone_and_takes_it_up_again(tmp_path: Path):
    queue = RunQueue(Workspace(tmp_path / "workspace"))
    recipe = short_recipe(tmp_path / "inputs")
    runs = [
        queue.workspace.new_run("train", structs.replace(recipe, title=title, max_steps=steps))
        for title, steps in (("first", 300), ("second", STEPS))
    ]
    for run in runs:
        queue.add(run)
    arny("queue", "start", "--workspace", str(queue.workspace.root))  # this command ends, the queue goes on

    wait_for(lambda: step_of(runs[0]) >= 5)
    owner, trainer = queue.folder.lock.living_owner(), runs[0].lock.living_owner()
    assert owner is not None
    assert trainer is not None
    os.kill(owner.pid, signal.SIGKILL)
    wait_for(lambda: not owner.is_alive)
    seen = step_of(runs[0])
    wait_for(lambda: step_of(runs[0]) > seen + 3)
    assert trainer.is_alive
    assert [entry.state for entry in queue.entries()] == ["running", "waiting"]

    arny("queue", "start", "--workspace", str(queue.workspace.root))
    arny("queue", "stop", "--workspace", str(queue.workspace.root))
    assert trainer.is_alive  # a stopped queue starts no further run; the one that runs goes on
    arny("queue", "start", "--workspace", str(queue.workspace.root))
    wait_for(lambda: all(entry.is_over for entry in queue.entries()))
    assert [entry.state for entry in queue.entries()] == ["finished", "finished"]
    assert runs[0].state().attempts == 1
    assert all(run.is_complete for run in runs)
