"""What the tests of this folder share: real children, driven to their end, and waiting with a deadline."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import psutil

from arny_studio.jobs.events import AnyEvent
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.supervisor import Job, start_job

CHILDREN = Path(__file__).parent / "children"
DEADLINE_S = 60.0
Value = TypeVar("Value")


def child(name: str) -> list[str]:
    """The program arguments that run a child script."""
    return [str(CHILDREN / f"{name}.py")]


def drive(work: Coroutine[Any, Any, Value]) -> Value:
    """Run to the end, or fail at the deadline."""

    async def limited() -> Value:
        return await asyncio.wait_for(work, DEADLINE_S)

    return asyncio.run(limited())


def run_to_end(
    name: str,
    folder: RunFolder,
    meanwhile: Callable[[Job], Coroutine[Any, Any, None]] | None = None,
    kind: str = "train",
) -> tuple[Outcome, Job, list[AnyEvent]]:
    """Start a child, do something with it, wait for its end. Gives the outcome, the job and the events heard."""
    heard: list[AnyEvent] = []

    async def work() -> tuple[Outcome, Job]:
        job = await start_job(kind, folder, program=child(name), on_event=heard.append)
        if meanwhile is not None:
            await meanwhile(job)
        return await job.wait(), job

    outcome, job = drive(work())
    return outcome, job, heard


def expect(job: Job, kind: type[Value], where: Callable[[Value], bool] = lambda _: True) -> asyncio.Future[Value]:
    """A future for the next event of a kind that fits; listens from this moment on, so nothing is missed."""
    waiting: asyncio.Future[Value] = asyncio.get_running_loop().create_future()

    def notice(event: Any) -> None:
        if isinstance(event, kind) and not waiting.done() and where(event):
            waiting.set_result(event)

    unsubscribe = job.subscribe(notice)
    waiting.add_done_callback(lambda _: unsubscribe())
    return waiting


async def heard(job: Job, kind: type[Value]) -> Value:
    """The next event of a kind."""
    return await asyncio.wait_for(expect(job, kind), DEADLINE_S)


def wait_until(is_so: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Look again and again until something is so; fail at the deadline, saying what was waited for."""
    end_s = time.monotonic() + deadline_s
    tick = threading.Event()
    while not is_so():
        assert time.monotonic() < end_s, f"waited {deadline_s} s for: {what}"
        tick.wait(0.01)


def start_supervising(folder: RunFolder, name: str, *more: str, **environment: str) -> subprocess.Popen[str]:
    """A process that supervises a child and can be killed; returns once the child runs."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, str(CHILDREN / "supervises.py"), str(folder.path), *child(name), *more],
        env={**os.environ, "PYTHONPATH": str(root), **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    return process


def is_alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
