"""Jobs in the window: found again after a restart, stopped, slowed down to what a person can see."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arny_studio.jobs.events import Metric
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import DataRecipe, TrainRecipe
from arny_studio.ui.jobs_controller import CHANGE_INTERVAL_MS, JobsController

CHILDREN = Path(__file__).parent.parent / "jobs" / "children"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def controller(qt_loop, qtbot, workspace):
    made = JobsController(workspace)
    yield made
    closing = asyncio.ensure_future(made.close())
    qtbot.waitUntil(closing.done, timeout=30_000)


@pytest.fixture
def left_behind(workspace):
    """A detached worker that an earlier window left; it counts steps until it is told to stop."""
    folder = workspace.new_run("train", TrainRecipe(title="Overnight", base="b", train_data="d"))
    environment = {**os.environ, "ARNY_TEST_DETACHED": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(CHILDREN / "obeys.py"), str(folder.path)]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **quiet)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not folder.state().step:
        time.sleep(0.05)
    yield folder
    process.kill()
    process.wait()


def test_that_a_run_of_an_earlier_window_is_found_with_its_curve_and_can_be_stopped(controller, left_behind, qtbot):
    adopting = asyncio.ensure_future(controller.adopt_running())
    qtbot.waitUntil(adopting.done, timeout=60_000)
    job = controller.find(left_behind)
    assert (job.kind, job.title, job.is_running) == ("train", "Overnight", True)
    assert job.state.step > 0
    with qtbot.waitSignal(job.ended, timeout=20_000) as caught:
        job.stop("save")
    assert caught.args[0].sentence == "Stopped, save."
    assert job.state.outcome == job.outcome
    assert controller.running == []


def test_that_finding_runs_twice_follows_each_once(controller, left_behind, qtbot):
    for _ in range(2):
        adopting = asyncio.ensure_future(controller.adopt_running())
        qtbot.waitUntil(adopting.done, timeout=60_000)
    assert len(controller.jobs) == 1


def test_that_closing_leaves_a_detached_run_alone(controller, left_behind, qtbot):
    adopting = asyncio.ensure_future(controller.adopt_running())
    qtbot.waitUntil(adopting.done, timeout=60_000)
    closing = asyncio.ensure_future(controller.close())
    qtbot.waitUntil(closing.done, timeout=60_000)
    assert left_behind.is_running


def test_that_events_come_at_once_and_changes_ten_times_a_second(controller, left_behind, qtbot):
    adopting = asyncio.ensure_future(controller.adopt_running())
    qtbot.waitUntil(adopting.done, timeout=60_000)
    job = controller.find(left_behind)
    events, changes = [], []
    job.event_received.connect(events.append)
    job.changed.connect(changes.append)
    started = time.monotonic()
    qtbot.waitUntil(lambda: sum(isinstance(event, Metric) for event in events) > 25, timeout=20_000)
    most = (time.monotonic() - started) * 1000 / CHANGE_INTERVAL_MS + 1
    assert 1 <= len(changes) <= most
    assert len(events) > len(changes)


def test_that_a_wish_to_stop_before_the_worker_stands_is_kept(controller, workspace, qtbot):
    path = workspace.datasets / "x.jsonl"
    job = controller.start("data", DataRecipe(task="generate", path=str(path), rows=5_000_000, title="Many"))
    with qtbot.waitSignal(job.ended, timeout=30_000) as caught:
        job.stop("now")
    assert caught.args[0].kind == "stopped"
    assert not path.exists()


def test_that_a_worker_that_cannot_be_started_ends_with_a_sentence(controller, workspace, qtbot, monkeypatch):
    async def refuse(*_arguments, **_more):
        raise OSError("no more processes")

    monkeypatch.setattr("arny_studio.ui.jobs_controller.start_job", refuse)
    job = controller.start("data", DataRecipe(task="check", path="x"))
    with qtbot.waitSignal(job.ended, timeout=30_000) as caught:
        pass
    assert "no more processes" in caught.args[0].sentence
    assert controller.running == []


def test_that_a_run_whose_worker_works_cannot_be_started_again(controller, left_behind, qtbot):
    job = controller.resume("train", left_behind)
    with qtbot.waitSignal(job.ended, timeout=30_000) as caught:
        pass
    assert caught.args[0].kind == "failed"
    assert left_behind.is_running
