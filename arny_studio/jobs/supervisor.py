"""Starts, follows and adopts workers: one asyncio implementation for the command (asyncio.run) and the window (qasync).

A started worker is heard through its pipe and, where that falls short (a worker that gave the pipe up, a last event
that only reached the log), through its log. An adopted one, started by a program that is gone, through its log.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from arny_studio.errors import BadInput
from arny_studio.jobs.child import Child
from arny_studio.jobs.claim import Owner, stderr_tail
from arny_studio.jobs.commands import Command, Stop
from arny_studio.jobs.event_log import EventTail, read_events, size_of
from arny_studio.jobs.events import Failed, Terminal
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.interpreter import check_python, not_runnable, worker_command, worker_environment
from arny_studio.jobs.job import NOW_GRACE, SAVE_GRACE, Grace, Job, OnEvent, StopMode
from arny_studio.jobs.processes import kill, kill_group, terminate
from arny_studio.jobs.state import RunState, fold
from arny_studio.jobs.wire import LineBuffer, decode_event, parse_event

__all__ = ["NOW_GRACE", "SAVE_GRACE", "Grace", "Job", "OnEvent", "StopMode", "adopt_job", "start_job"]

TAIL_PERIOD_S = 0.1
LAST_WORD_GRACE_S = 10.0  # how long a process may take to end after its last event


async def start_job(
    kind: str,
    folder: RunFolder,
    *,
    python: str | None = None,
    program: Sequence[str] | None = None,
    detached: bool = False,
    on_event: OnEvent | None = None,
) -> Job:
    """Start, or resume, the worker of a kind on a run folder.

    `python` is the interpreter (None: ours), `program` its arguments instead of `-m arny_studio.workers.<kind>`.
    Whether a worker outlives us is its own nature (`run_program(detached=…)`); `detached` repeats it here, so that
    the window knows what closing it will end (`Job.is_detached`).
    Raises FolderInUse where a process works on the folder, MissingFile where there is no recipe or no such Python,
    BadInput where it is a program of another kind.
    """
    folder = RunFolder.open(folder.path)
    folder.lock.refuse_if_in_use()
    folder.lock.settle()
    state = await asyncio.to_thread(folder.state)
    if python is not None:
        await asyncio.to_thread(check_python, python)
    job = Job(folder, kind, state, on_event, is_detached=detached)
    following = _Following(job, events_from=size_of(folder.events_path), stderr_from=size_of(folder.stderr_path))
    command = worker_command(kind, folder.path, python=python, program=program)
    child = _started(command, worker_environment(python), folder, following)
    job.attach(child)
    job.follow(asyncio.ensure_future(following.until_the_end(child)))
    return job


async def adopt_job(folder: RunFolder, on_event: OnEvent | None = None) -> Job | None:
    """Follow a run that another program started, if a process still works on it.

    The job's state holds everything up to now; `on_event` hears what follows. None where nobody works on the run;
    the last event that is then missing is written.
    """
    owner = folder.lock.living_owner()
    if owner is None:
        if folder.lock.owner() is not None:
            folder.lock.settle()
        return None
    tail = EventTail(folder.events_path, owner.events_from)
    state, last = await asyncio.to_thread(_known_so_far, folder, owner, tail)
    job = Job(folder, owner.kind, state, on_event, is_detached=owner.detached, last=last)
    job.attach(Adopted(folder, owner))
    job.follow(asyncio.ensure_future(_tail_until_the_end(job, owner, tail)))
    return job


class Adopted:
    """A worker that is not our child: it hears signals and, if detached, the stop file."""

    def __init__(self, folder: RunFolder, owner: Owner) -> None:
        self._folder = folder
        self._owner = owner

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._owner.pid

    def send(self, command: Command) -> bool:
        """Pass on a wish to stop, the only command that reaches it."""
        if not isinstance(command, Stop) or not self._owner.is_alive:
            return False
        if self._owner.detached:
            self._folder.stop_path.write_text(command.mode, encoding="utf-8")
        self.terminate()
        return True

    def terminate(self) -> None:
        """SIGTERM: stop and save; a second one: stop now."""
        if self._owner.is_alive:
            terminate(self.pid)

    def kill(self) -> None:
        """SIGKILL for it and, where it leads a session, everything it started."""
        if self._owner.is_alive:
            kill_group(self.pid)
            kill(self.pid)

    def leave(self) -> None:
        """Nothing is held."""


class _Following:
    """Hears a child through its pipe and fills what is missing from its log."""

    def __init__(self, job: Job, *, events_from: int, stderr_from: int) -> None:
        self._job = job
        self._events_from = events_from
        self._stderr_from = stderr_from
        self._lines = LineBuffer()
        self._tail = EventTail(job.folder.events_path, events_from)
        self._known = 0  # events that came through the pipe and stand in the log as well
        self._last_word = asyncio.Event()
        self._child: Child | None = None

    def on_chunk(self, chunk: bytes) -> None:
        """Take in what the worker wrote."""
        for line in self._lines.feed(chunk):
            try:
                event = parse_event(line)
            except BadInput as error:
                self._refuse(error)
                return
            self._known += event is not None
            self._job.deliver(event if event is not None else decode_event(line))
        if self._job.last is not None:
            self._last_word.set()

    async def until_the_end(self, child: Child) -> None:
        """Follow the child until it is dead and its last event is known, delivered and written."""
        self._child = child
        ending = asyncio.ensure_future(child.wait())
        try:
            await child.silence(self._last_word)
            if self._job.last is None:
                await self._catch_up_until(ending)
            await asyncio.wait({ending}, timeout=LAST_WORD_GRACE_S)
            child.kill()
            returncode = await ending
        finally:
            ending.cancel()
        if self._job.last is None:
            self._catch_up()
        if self._job.last is None:
            self._supply_last_event(child.pid, returncode)
        self._job.conclude(returncode)

    async def _catch_up_until(self, ending: asyncio.Future[int]) -> None:
        """The worker gave up its pipe: its log still tells, until it dies or says its last word."""
        while not ending.done() and self._job.last is None:
            await asyncio.wait({ending}, timeout=TAIL_PERIOD_S)
            self._catch_up()

    def _catch_up(self) -> None:
        for event in self._tail.read_new():
            if self._known:
                self._known -= 1
            else:
                self._job.deliver(event)

    def _supply_last_event(self, pid: int, returncode: int) -> None:
        job = self._job
        last = job.missing_last_event(returncode, stderr_tail(job.folder.stderr_path, self._stderr_from))
        with contextlib.suppress(OSError):  # the folder may be gone, or the disk full; the window still hears it
            job.folder.lock.record_end(last, kind=job.kind, pid=pid, events_from=self._events_from)
        job.deliver(last)

    def _refuse(self, error: BadInput) -> None:
        self._job.deliver(Failed(kind=error.kind, sentence=error.sentence, hint=error.hint))
        if self._child is not None:
            self._child.kill()


def _known_so_far(folder: RunFolder, owner: Owner, tail: EventTail) -> tuple[RunState, Terminal | None]:
    """The state up to now, and the last event of the owner's attempt where it has been spoken already."""
    past = read_events(folder.events_path, until=owner.events_from)
    present = tail.read_new()
    last = next((event for event in present if isinstance(event, Terminal)), None)
    return fold(present, fold(past)), last


async def _tail_until_the_end(job: Job, owner: Owner, tail: EventTail) -> None:
    """Follow an adopted worker by its log; when it is dead, write and deliver what is missing."""
    while owner.is_alive:
        await asyncio.sleep(TAIL_PERIOD_S)
        _deliver_new(job, tail)
    kill_group(owner.pid)
    _deliver_new(job, tail)
    if job.last is None:
        last = job.missing_last_event(None, stderr_tail(job.folder.stderr_path, owner.stderr_from))
        with contextlib.suppress(OSError):
            job.folder.lock.record_end(last, kind=owner.kind, pid=owner.pid, events_from=owner.events_from)
        job.deliver(last)
    job.conclude(None)


def _deliver_new(job: Job, tail: EventTail) -> None:
    for event in tail.read_new():
        job.deliver(event)


def _started(command: list[str], environment: dict[str, str], folder: RunFolder, following: _Following) -> Child:
    try:
        return Child.start(command, environment, folder.stderr_path, following.on_chunk)
    except OSError as error:
        raise not_runnable(command[0], error) from error
