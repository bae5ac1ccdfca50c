"""`arny queue`: runs that start one after the other, also when nobody is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arny_studio.cli.running import WorkspacePath
from arny_studio.cli.runs import AsJson
from arny_studio.cli.train_recipe import recipe_of_file
from arny_studio.errors import BadInput
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.interpreter import check_python
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.queue import RunQueue
from arny_studio.jobs.supervisor import adopt_job, start_job
from arny_studio.jobs.training_inputs import require_datasets
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace

app = typer.Typer(help="Line up trainings that start one after the other.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of a run in the queue, or its beginning.")]


@app.command("add")
def add(
    what: Annotated[list[str], typer.Argument(help="Recipe files, or names of runs that have not been trained yet.")],
    workspace: WorkspacePath = None,
    start: Annotated[bool, typer.Option("--start", help="Start the queue as well.")] = False,
) -> None:
    """Put trainings at the end of the queue. A preset goes there with: arny train --preset … --queue"""
    queue = queue_of(workspace)
    for name in what:
        enqueue(queue, _run_for(queue.workspace, name))
    if start:
        start_queue(queue)


@app.command("list")
def list_queue(workspace: WorkspacePath = None, as_json: AsJson = False) -> None:
    """Show the queue in its order."""
    queue = queue_of(workspace)
    entries = queue.entries()
    if as_json:
        print(msgspec.json.encode({"is_running": queue.is_running, "entries": entries}).decode())
        return
    if not entries:
        print("The queue is empty.")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("#", "Run", "State", "Sentence"):
        table.add_column(column, overflow="fold", no_wrap=column in ("#", "State"))
    waiting = 0
    for entry in entries:
        place = str(waiting) if entry.state == "waiting" else ""
        waiting += entry.state == "waiting"
        table.add_row(place, Text(entry.run), entry.state, Text(entry.sentence))
    Console(highlight=False).print(table)
    if waiting and not queue.is_running:
        print("The queue is not running. Start it with: arny queue start")


@app.command("move")
def move(
    name: Name,
    to: Annotated[int, typer.Argument(min=0, help="Its new place; 0 is next.")],
    workspace: WorkspacePath = None,
) -> None:
    """Give a waiting run another place."""
    queue_of(workspace).move(name, to)


@app.command("remove")
def remove(name: Name, workspace: WorkspacePath = None) -> None:
    """Take a run out of the queue; the run itself stays in the workspace."""
    queue_of(workspace).remove(name)


@app.command("clear")
def clear(workspace: WorkspacePath = None) -> None:
    """Take out the runs that have ended."""
    queue_of(workspace).forget_ended()


@app.command("start")
def start(
    workspace: WorkspacePath = None,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Runs that go on at the same time.")] = 1,
    python: Annotated[str, typer.Option(help="Python to train with.")] = "",
) -> None:
    """Work the queue off in the background; it goes on when this command and the window are closed."""
    start_queue(queue_of(workspace), at_once=at_once, python=python)


@app.command("stop")
def stop(workspace: WorkspacePath = None) -> None:
    """Start no further run. The training that runs goes on; end it with: arny runs stop"""
    outcome = asyncio.run(_stop(queue_of(workspace)))
    if outcome is None:
        raise BadInput("The queue is not running.")
    print(outcome.sentence)


def queue_of(workspace: Path | None) -> RunQueue:
    """The queue of the workspace that is named, or of the default one."""
    return RunQueue(Workspace(workspace if workspace is not None else default_workspace()))


def enqueue(queue: RunQueue, run: RunFolder) -> None:
    """Put a run at the end and say so."""
    queue.add(run)
    print(f"Queued {run.name}")


def start_queue(queue: RunQueue, *, at_once: int = 1, python: str = "") -> None:
    """Start the queue's worker and leave it; says so where it runs already."""
    if queue.is_running:
        print("The queue is running already.")
        return
    check_python(python or None)
    asyncio.run(_start(queue.prepare(at_once=at_once, python=python)))
    print("The queue is running. See: arny queue list")


async def _start(folder: RunFolder) -> None:
    """Start it, and return once it has said hello, so that it is known to live."""
    begun = asyncio.Event()
    job = await start_job("queue", folder, detached=True, on_event=lambda _: begun.set())
    await begun.wait()
    await job.leave()


async def _stop(queue: RunQueue) -> Outcome | None:
    job = await adopt_job(queue.folder)
    if job is None:
        return None
    await job.stop("save")
    return await job.wait()


def _run_for(workspace: Workspace, name: str) -> RunFolder:
    """A new run for a recipe file, or the run that is named."""
    path = Path(name)
    if path.is_file():
        recipe = recipe_of_file(path)
        require_datasets(recipe)
        return workspace.new_run("train", recipe)
    return workspace.find_run(name)
