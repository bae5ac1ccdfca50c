"""The queue's panel over the real queue file, and one training that the queue's own worker starts."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from arny_studio.recipe import TrainRecipe
from tests.ui.test_train_tab import SLOW_MS, fill, opened
from tests.ui.tiny_workspace import tiny_base, tiny_dataset

pytestmark = pytest.mark.timeout(600)  # real workers on a slow, noisy machine


@pytest.fixture
def train(studio, qtbot):
    return opened(studio, qtbot)


@pytest.fixture
def waiting(studio, train):
    """Three runs that wait; no worker takes them."""
    base, data = str(tiny_base(studio.workspace)), str(tiny_dataset(studio.workspace))
    runs = [
        studio.workspace.new_run("train", TrainRecipe(title=title, base=base, train_data=data))
        for title in ("one", "two", "three")
    ]
    for run in runs:
        train.controller.queue.queue.add(run)
    train.controller.queue.refresh()
    return [run.name for run in runs]


def test_that_an_empty_queue_takes_no_room(train):
    assert train.widget.queue.isHidden()


def test_that_waiting_runs_can_be_put_into_another_order(train, waiting, qtbot):
    panel = train.widget.queue
    assert panel.isVisible()
    assert [panel.model.index(line, 0).data() for line in range(3)] == ["one", "two", "three"]
    panel.view.select_line(2)
    qtbot.mouseClick(panel.up, Qt.MouseButton.LeftButton)
    assert panel.waiting == [waiting[0], waiting[2], waiting[1]]
    assert panel.chosen.run == waiting[2]  # what was selected stays selected
    qtbot.mouseClick(panel.up, Qt.MouseButton.LeftButton)
    assert panel.waiting[0] == waiting[2]
    assert not panel.up.isEnabled()
    qtbot.mouseClick(panel.down, Qt.MouseButton.LeftButton)
    assert panel.waiting == [waiting[0], waiting[2], waiting[1]]


def test_that_a_run_is_taken_out_and_its_folder_stays(studio, train, waiting, qtbot):
    panel = train.widget.queue
    panel.view.select_line(1)
    qtbot.mouseClick(panel.take, Qt.MouseButton.LeftButton)
    assert panel.waiting == [waiting[0], waiting[2]]
    assert (studio.workspace.runs / waiting[1]).is_dir()


def test_that_a_queued_training_is_run_by_the_queue_found_by_the_window_and_ended(studio, train, qtbot):
    fill(studio, train, max_steps=4)
    qtbot.mouseClick(train.widget.new.queue_button, Qt.MouseButton.LeftButton)
    panel = train.widget.queue
    assert train.widget.is_form_shown
    assert len(panel.waiting) == 1
    name = panel.waiting[0]
    qtbot.waitUntil(lambda: any(job.folder.name == name for job in studio.jobs.jobs), timeout=SLOW_MS)
    job = next(job for job in studio.jobs.jobs if job.folder.name == name)
    qtbot.waitUntil(lambda: not job.is_running, timeout=SLOW_MS)
    assert job.outcome.kind == "finished", job.outcome
    qtbot.waitUntil(lambda: not train.controller.queue.is_working, timeout=SLOW_MS)
    assert [each.entry.state for each in panel.model.items] == ["finished"]
    qtbot.mouseClick(panel.tidy, Qt.MouseButton.LeftButton)
    assert panel.isHidden()
