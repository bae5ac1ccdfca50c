"""Runs a worker from the terminal: the same events the window shows, as a live bar, plain lines or JSON."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from arny_studio.cli.progress import Display, display_for
from arny_studio.jobs.events import AnyEvent
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.interpreter import check_python
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.supervisor import Grace, Job, start_job
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace
from arny_studio.recipe import Recipe

WorkspacePath = Annotated[
    Path | None,
    typer.Option(
        "--workspace", "-w", help="Folder of the runs and what they make; else $ARNY_WORKSPACE, else your data folder."
    ),
]

_AT_ONCE = Grace(message_s=0.2, terminate_s=0.2)


def run_recipe(
    kind: str,
    recipe: Recipe,
    *,
    folder: RunFolder | None = None,
    workspace: Path | None = None,
    as_json: bool = False,
    on_event: Callable[[AnyEvent], None] | None = None,
    quiet: bool = False,
    is_scratch: bool = False,
    python: str | None = None,
    program: Sequence[str] | None = None,
) -> tuple[Outcome, RunFolder]:
    """Run the worker of a kind to its end and show how it gets on.

    A new run folder is made in the workspace unless one is given, whose run is then resumed. Progress goes to stderr;
    with `as_json` every event goes to stdout as one JSON line instead. Ctrl-C stops and saves, a second one stops now.
    A failure's sentence and hint are printed to stderr, and where its log lies; `is_scratch` says that the folder is
    gone afterwards, so what the log tells of a fault is printed instead. `python` and `program` are those of
    `start_job`. Raises ArnyError where the worker cannot be started.
    """
    check_python(python)  # before a run folder is made
    run = folder if folder is not None else Workspace(workspace or default_workspace()).new_run(kind, recipe)
    with display_for(as_json=as_json, quiet=quiet) as display:
        outcome = asyncio.run(_follow(kind, run, display, on_event, python, program))
    _print_end(outcome, run, quiet=quiet or as_json, is_scratch=is_scratch)
    return outcome, run


async def _follow(
    kind: str,
    run: RunFolder,
    display: Display,
    on_event: Callable[[AnyEvent], None] | None,
    python: str | None,
    program: Sequence[str] | None,
) -> Outcome:
    job = await start_job(kind, run, python=python, program=program)
    job.subscribe(lambda event: display.show(event, job.state))
    if on_event is not None:
        job.subscribe(on_event)
    with _stopping_on_signals(job, display):
        return await job.wait()


@contextlib.contextmanager
def _stopping_on_signals(job: Job, display: Display) -> Iterator[None]:
    """Ctrl-C and SIGTERM: first stop and save, then stop now, then kill."""
    stops = _Stops(job, display)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stops.next))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Stops:
    """What each further Ctrl-C means."""

    def __init__(self, job: Job, display: Display) -> None:
        self._job = job
        self._display = display
        self._count = 0
        self._tasks: list[asyncio.Task[None]] = []

    def next(self) -> None:
        """One more Ctrl-C."""
        self._count += 1
        if self._count == 1:
            self._display.say("Stopping after saving. Press Ctrl-C again to stop now.")
            stopping = self._job.stop("save")
        elif self._count == 2:
            self._display.say("Stopping now.")
            stopping = self._job.stop("now")
        else:
            stopping = self._job.stop("now", grace=_AT_ONCE)
        self._tasks.append(asyncio.ensure_future(stopping))


def _print_end(outcome: Outcome, run: RunFolder, *, quiet: bool, is_scratch: bool) -> None:
    """The end in words: always for a failure, otherwise unless quiet."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    if outcome.kind == "failed":
        console.print("Failed: " + outcome.sentence, style="red", markup=False)
        if outcome.hint:
            console.print(outcome.hint, markup=False)
        if not is_scratch:
            console.print(f"Log: {run.stderr_path}", style="dim", markup=False)
        elif outcome.failure in ("bug", "library"):
            console.print(outcome.details, style="dim", markup=False)
    elif not quiet:
        console.print(outcome.sentence, markup=False)
