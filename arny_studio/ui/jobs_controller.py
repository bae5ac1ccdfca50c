"""Jobs as the window sees them: start, follow, stop, and find again those that outlived the last window.

The work is done by `jobs/supervisor.py` on the asyncio loop that qasync runs inside Qt's. This file adds Qt signals,
keeps the wish to stop or a command until the worker stands, and slows state changes to ten a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from arny_studio.errors import ArnyError
from arny_studio.jobs.claim import Owner
from arny_studio.jobs.commands import AnyCommand
from arny_studio.jobs.events import AnyEvent
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.queue import RunQueue
from arny_studio.jobs.state import RunState
from arny_studio.jobs.supervisor import Job, adopt_job, start_job
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import Recipe

DETACHED_KINDS = frozenset({"train", "export", "queue", "download"})  # these outlive the window
CHANGE_INTERVAL_MS = 100
_ADOPTABLE_RUNS = 50
_CLOSING_S = 8.0  # a little more than the supervisor takes to kill


class ActiveJob(QObject):
    """One job that was started or found by this window; it stays after its end, with its last state.

    `changed` comes at most ten times a second and once more at the end, `event_received` for every event as it
    arrives, `ended` exactly once.
    """

    changed = Signal(object)  # RunState
    event_received = Signal(object)  # AnyEvent
    ended = Signal(object)  # Outcome

    def __init__(self, kind: str, folder: RunFolder, title: str, parent: QObject) -> None:
        super().__init__(parent)
        self.kind = kind
        self.folder = folder
        self.title = title
        self.state = RunState(kind=kind)
        self.outcome: Outcome | None = None
        self.is_stopping = False
        self.is_quiet = False  # its end is told by whoever started it, not by the shell
        self._job: Job | None = None
        self._job_stands = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._change_timer = QTimer(self)
        self._change_timer.setSingleShot(True)
        self._change_timer.setInterval(CHANGE_INTERVAL_MS)
        self._change_timer.timeout.connect(self._on_change_due)

    @property
    def is_running(self) -> bool:
        """Whether the worker has not ended yet; true from the moment of `start`."""
        return self.outcome is None

    @property
    def outlives_the_window(self) -> bool:
        """Whether the worker goes on when the app closes."""
        return self.kind in DETACHED_KINDS

    def stop(self, mode: Literal["save", "now"] = "save") -> None:
        """Ask the worker to end, after saving or at once."""
        self.is_stopping = True
        self.changed.emit(self.state)
        self._do(self._stop(mode))

    def send(self, command: AnyCommand) -> None:
        """Send a command; one sent before the worker stands is kept until then."""
        self._do(self._send(command))

    async def leave(self) -> None:
        """Follow the worker no more; a detached one goes on."""
        if self._job is not None:
            await self._job.leave()
            await asyncio.sleep(0)  # what was cancelled ends in the next round of the loop

    async def _stop(self, mode: Literal["save", "now"]) -> None:
        await self._job_stands.wait()
        if self._job is not None:
            await self._job.stop(mode)

    async def _send(self, command: AnyCommand) -> None:
        await self._job_stands.wait()
        if self._job is not None and self.is_running:
            await self._job.send(command)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_event_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_event(self, event: AnyEvent) -> None:
        self.event_received.emit(event)
        if not self._change_timer.isActive():
            self._change_timer.start()

    @Slot()
    def _on_change_due(self) -> None:
        if self._job is not None:
            self.state = self._job.state
            self.changed.emit(self.state)

    def _stand(self, job: Job | None) -> None:
        self._job = job
        if job is not None:
            self.state = job.state
        self._job_stands.set()

    def _end(self, outcome: Outcome) -> None:
        self._change_timer.stop()
        if self._job is not None:
            self.state = self._job.state
        self.outcome = outcome
        self.changed.emit(self.state)
        self.ended.emit(outcome)


class JobsController(QObject):
    """Starts jobs in the workspace and tells everyone about them. All signals carry the ActiveJob."""

    job_started = Signal(object)
    job_changed = Signal(object)
    job_ended = Signal(object)

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace
        self.jobs: list[ActiveJob] = []
        self.pythons: dict[str, str] = {}  # by kind: the interpreter of its workers, where it is not ours
        self._tasks: dict[ActiveJob, asyncio.Task[None]] = {}

    @property
    def running(self) -> list[ActiveJob]:
        """The jobs that have not ended, oldest first."""
        return [job for job in self.jobs if job.is_running]

    def find(self, folder: RunFolder) -> ActiveJob | None:
        """The job of a run folder, if this window started or found it."""
        return next((job for job in reversed(self.jobs) if job.folder.path == folder.path), None)

    def start(self, kind: str, recipe: Recipe) -> ActiveJob:
        """Make a run folder for a recipe and start its worker. Raises ArnyError where the folder cannot be made."""
        folder = self._workspace.new_run(kind, recipe)
        return self._start(kind, folder, recipe.title)

    def resume(self, kind: str, folder: RunFolder, title: str = "") -> ActiveJob:
        """Start a worker again on a folder that already holds its recipe and checkpoints."""
        return self._start(kind, folder, title)

    async def adopt_running(self) -> None:
        """Follow the runs that others began, an earlier window or the queue, and that still live; newest first."""
        for folder in [*self._workspace.runs_by_time()[:_ADOPTABLE_RUNS], RunQueue(self._workspace).folder]:
            owner = folder.lock.living_owner()
            is_anothers = owner is not None and not owner.detached
            if folder.is_complete or is_anothers or self._is_known(folder, owner):
                continue
            early: list[AnyEvent] = []
            job = await adopt_job(folder, on_event=early.append)
            if job is not None:
                active = ActiveJob(job.kind, folder, folder.title, self)
                active._stand(job)
                self._add(active)
                job.subscribe(active._on_event)
                self._watch(active, self._follow(active))

    def _is_known(self, folder: RunFolder, owner: Owner | None) -> bool:
        """Whether a job of this window follows the run. One that has ended here may live again elsewhere."""
        job = self.find(folder)
        return job is not None and (job.is_running or owner is None)

    async def close(self) -> None:
        """End what would die with the window anyway, and stop following the rest."""
        mortal = [job for job in self.running if not job.outlives_the_window]
        for job in mortal:
            job.stop("now")
        if mortal:
            await asyncio.wait([self._tasks[job] for job in mortal], timeout=_CLOSING_S)
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for job in self.running:
            await job.leave()

    def _start(self, kind: str, folder: RunFolder, title: str) -> ActiveJob:
        job = self._add(ActiveJob(kind, folder, title or kind, self))
        self._watch(job, self._run(job))
        return job

    def _add(self, job: ActiveJob) -> ActiveJob:
        self.jobs.append(job)
        job.changed.connect(self._on_job_changed)
        job.ended.connect(self._on_job_ended)
        self.job_started.emit(job)
        return job

    async def _run(self, job: ActiveJob) -> None:
        try:
            started = await start_job(
                job.kind, job.folder, python=self.pythons.get(job.kind) or None, detached=job.outlives_the_window,
                on_event=job._on_event,
            )  # fmt: skip
        except (ArnyError, OSError) as error:
            job._stand(None)
            job._end(_outcome_of(error))
            return
        job._stand(started)
        await self._follow(job)

    async def _follow(self, job: ActiveJob) -> None:
        assert job._job is not None
        job._end(await job._job.wait())

    def _watch(self, job: ActiveJob, work: Coroutine[Any, Any, None]) -> None:
        self._tasks[job] = task = asyncio.get_event_loop().create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    @Slot(object)
    def _on_job_changed(self, _state: RunState) -> None:
        self.job_changed.emit(self.sender())

    @Slot(object)
    def _on_job_ended(self, _outcome: Outcome) -> None:
        self.job_ended.emit(self.sender())


def _outcome_of(error: Exception) -> Outcome:
    if isinstance(error, ArnyError):
        return Outcome(
            kind="failed", sentence=error.sentence, hint=error.hint, failure=error.kind, exit_code=error.exit_code
        )
    return Outcome(kind="failed", sentence=f"The worker could not be started: {error}.", failure="bug", exit_code=1)
