"""The queue's worker as a process of its own, over real runs: short passes over a dataset."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arny_studio.cli.main import app
from arny_studio.errors import MissingFile
from arny_studio.jobs.events import AnyEvent, Log, Progress
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.queue import RunQueue
from arny_studio.jobs.supervisor import start_job
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import DataRecipe, QueueRecipe
from arny_studio.workers.queue import main as work_off


@pytest.fixture
def queue(tmp_path: Path) -> RunQueue:
    return RunQueue(Workspace(tmp_path / "workspace"))


def generating(queue: RunQueue, title: str, **fields: object) -> RunFolder:
    recipe = DataRecipe(title=title, task="generate", path=str(queue.workspace.datasets / f"{title}.jsonl"), rows=3)
    return queue.workspace.new_run("data", recipe)


def worked_off(queue: RunQueue) -> tuple[Outcome, list[AnyEvent]]:
    heard: list[AnyEvent] = []

    async def run() -> Outcome:
        job = await start_job("queue", queue.prepare(), detached=True, on_event=heard.append)
        return await job.wait()

    return asyncio.run(run()), heard


def test_that_runs_follow_one_another_and_one_that_fails_does_not_end_the_queue(queue: RunQueue):
    first, second, third = (generating(queue, title) for title in ("first", "second", "third"))
    broken = RunFolder(queue.workspace.runs / second.name)
    broken.recipe_path.write_text('kind = "data"\ntask = "generate"\nrows = "many"\npath = "x"\n', encoding="utf-8")
    for run in (first, second, third):
        queue.add(run)
    queue.move(third.name, 0)
    outcome, heard = worked_off(queue)
    assert (outcome.exit_code, outcome.sentence) == (4, "The queue is empty: 2 of 3 runs finished well.")
    started = [event.text for event in heard if isinstance(event, Log) and event.text.startswith("Started")]
    assert [text.split()[1] for text in started][:2] == ["third", "first"]
    assert [entry.state for entry in queue.entries()] == ["finished", "finished", "failed"]
    assert "rows" in queue.entries()[2].sentence
    progress = [event for event in heard if isinstance(event, Progress)]
    assert (progress[0].done, progress[-1].done, progress[-1].total) == (0, 3, 3)
    assert (queue.workspace.datasets / "third.jsonl").is_file()


def test_that_a_queue_that_was_killed_takes_up_what_ended_meanwhile(queue: RunQueue):
    ended, unstarted = generating(queue, "ended"), generating(queue, "unstarted")
    for run in (ended, unstarted):
        queue.add(run)
        queue.take_next()  # as the killed queue left them: marked as running
    ended.events_path.write_text(
        '{"type":"hello","kind":"data","pid":1,"protocol":1}\n{"type":"finished","summary":"Done before."}\n'
    )
    outcome, _ = worked_off(queue)
    assert outcome.exit_code == 0
    first, second = queue.entries()
    assert (first.state, first.sentence, second.state) == ("finished", "Done before.", "finished")


def test_that_a_stopped_queue_leaves_its_runs_waiting(queue: RunQueue):
    queue.add(generating(queue, "later"))

    class Stopping:
        stop_requested = True

    last = work_off(queue.prepare(), lambda _: None, Stopping())  # type: ignore[arg-type]
    assert type(last).__name__ == "Stopped"
    assert [entry.state for entry in queue.entries()] == ["waiting"]
    assert queue.folder.recipe(QueueRecipe).at_once == 1


def test_that_the_command_queues_recipes_and_presets_and_shows_them(queue: RunQueue, tmp_path: Path):
    root = str(queue.workspace.root)

    def arny(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--workspace", root], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    recipe = tmp_path / "mine.toml"
    recipe.write_text('kind = "train"\ntitle = "Mine"\nbase = "b"\ntrain_data = "d.jsonl"\n')
    data = tmp_path / "d.jsonl"
    with pytest.raises(MissingFile, match="There is no dataset at"):
        arny("queue", "add", str(recipe))
    data.write_text("{}\n", encoding="utf-8")
    arny("queue", "add", str(recipe))
    arny("train", "--preset", "demo-tier1", "--data", str(data), "--queue")
    listed = json.loads(arny("queue", "list", "--json"))
    assert [entry["run"].partition("-train-")[2] for entry in listed["entries"]] == ["mine", "demo-cpu-router"]
    assert not listed["is_running"]
    arny("queue", "move", listed["entries"][1]["run"], "0")
    assert "demo-cpu-router" in arny("queue", "list").splitlines()[1]
    arny("queue", "remove", listed["entries"][0]["run"])
    assert len(queue.entries()) == 1
