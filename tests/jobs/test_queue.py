"""The queue as a file that several programs change."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.queue import RunQueue
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import QueueRecipe, TrainRecipe


@pytest.fixture
def queue(tmp_path: Path) -> RunQueue:
    return RunQueue(Workspace(tmp_path))


def add(queue: RunQueue, *titles: str) -> list[RunFolder]:
    runs = [queue.workspace.new_run("train", TrainRecipe(title=title, base="b", train_data="d")) for title in titles]
    for run in runs:
        queue.add(run)
    return runs


def waiting(queue: RunQueue) -> list[str]:
    return [entry.run.rpartition("-")[2] for entry in queue.entries() if entry.state == "waiting"]


def test_that_runs_start_in_their_order_and_a_moved_one_earlier(queue: RunQueue):
    assert queue.entries() == []
    one, _two, three = add(queue, "one", "two", "three")
    queue.move(three.name, 0)
    assert waiting(queue) == ["three", "one", "two"]
    taken = queue.take_next()
    assert taken is not None
    assert queue.run_of(taken) == three
    assert waiting(queue) == ["one", "two"]
    queue.move(one.name, 99)
    assert waiting(queue) == ["two", "one"]
    with pytest.raises(BadInput, match="is running; only one that waits"):
        queue.move(three.name, 0)
    with pytest.raises(BadInput, match="is running"):
        queue.remove(three.name)


def test_that_an_ended_run_says_how_and_may_be_queued_again(queue: RunQueue):
    (run,) = add(queue, "one")
    with pytest.raises(BadInput, match="in the queue already"):
        queue.add(run)
    queue.take_next()
    queue.mark_ended(run.name, Outcome(kind="failed", sentence="The disk is full."))
    (entry,) = queue.entries()
    assert (entry.state, entry.sentence, entry.is_over) == ("failed", "The disk is full.", True)
    queue.add(run)
    assert [entry.state for entry in queue.entries()] == ["waiting"]
    queue.remove(run.name)
    assert queue.entries() == []


def test_that_a_run_whose_folder_is_gone_is_passed_over(queue: RunQueue):
    gone, there = add(queue, "gone", "there")
    gone.recipe_path.unlink()
    taken = queue.take_next()
    assert taken is not None
    assert taken.run == there.name
    assert [entry.state for entry in queue.entries()] == ["missing", "running"]
    queue.forget_ended()
    assert [entry.run for entry in queue.entries()] == [there.name]


def test_that_nothing_starts_before_it_may(queue: RunQueue):
    add(queue, "one")
    assert queue.take_next(lambda _: False) is None
    assert waiting(queue) == ["one"]


def test_that_what_cannot_be_queued_is_refused(queue: RunQueue, tmp_path: Path):
    elsewhere = RunFolder.create(tmp_path / "elsewhere", TrainRecipe(base="b", train_data="d"))
    with pytest.raises(BadInput, match="does not lie in the workspace"):
        queue.add(elsewhere)
    with pytest.raises(MissingFile, match="No run of the queue begins"):
        queue.remove("nothing")
    (run,) = add(queue, "one")
    run.manifest_path.write_text("{}")
    queue.remove(run.name)
    with pytest.raises(BadInput, match="complete already"):
        queue.add(run)
    queue.path.write_text("[{")
    with pytest.raises(BadInput, match="not a queue"):
        queue.entries()


def test_that_the_queues_own_folder_holds_its_recipe(queue: RunQueue):
    folder = queue.prepare(at_once=2)
    assert folder.recipe(QueueRecipe) == QueueRecipe(title="Queue", workspace=str(queue.workspace.root), at_once=2)
    assert queue.prepare().recipe(QueueRecipe).at_once == 1
    assert not queue.is_running


@settings(deadline=None, max_examples=15)  # every move is flushed to the disk
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-2, 7)), max_size=12))
def test_that_moving_loses_and_doubles_nothing(tmp_path_factory, moves: list[tuple[int, int]]):
    queue = RunQueue(Workspace(tmp_path_factory.mktemp("queue")))
    expected = [run.name for run in add(queue, *"abcde")]
    names = list(expected)
    for index, to in moves:
        queue.move(names[index], to)
        expected.remove(names[index])
        expected.insert(max(0, min(to, 4)), names[index])
    assert [entry.run for entry in queue.entries()] == expected
