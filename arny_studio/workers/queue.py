"""Worker: the queue of a workspace. `python -m arny_studio.workers.queue FOLDER`; starts run after run until none waits.

Detached, and so are the trainings it starts: each outlives whoever started it. A queue that was killed is started
again on the same folder and takes up the run that meanwhile went on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from arny_studio.errors import ArnyError
from arny_studio.jobs.event_log import last_event
from arny_studio.jobs.events import Finished, Log, Progress, Stopped, Terminal
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.gpu_claim import free_of
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.jobs.queue import QueueEntry, RunQueue
from arny_studio.jobs.supervisor import Job, adopt_job, start_job
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import QueueRecipe, TrainRecipe

PERIOD_S = 0.3


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Work the queue off. A wish to stop ends the queue; the training that runs goes on."""
    recipe = folder.recipe(QueueRecipe)
    queue = RunQueue(Workspace(Path(recipe.workspace)))
    return asyncio.run(_Working(queue, recipe, emit, inbox).until_none_waits())


class _Working:
    """The queue while it is worked off: which jobs run, and how many have ended."""

    def __init__(self, queue: RunQueue, recipe: QueueRecipe, emit: Emit, inbox: Inbox) -> None:
        self._queue = queue
        self._recipe = recipe
        self._emit = emit
        self._inbox = inbox
        self._jobs: dict[str, Job] = {}
        self._ended: list[Outcome] = []

    async def until_none_waits(self) -> Finished | Stopped:
        """Start, wait and note, until nothing runs or waits, or a stop is wished."""
        for entry in self._queue.entries():
            if entry.state == "running":
                await self._take_up(entry)
        self._say_progress()
        while not self._inbox.stop_requested:
            await self._start_what_may_start()
            await self._note_what_ended()
            if not self._jobs and not any(entry.state == "waiting" for entry in self._queue.entries()):
                return Finished(summary=self._summary(), found_problems=any(not end.is_success for end in self._ended))
            await asyncio.sleep(PERIOD_S)
        for job in self._jobs.values():
            await job.leave()
        return Stopped(summary=f"The queue was stopped; {len(self._jobs)} running trainings go on.", resumable=True)

    async def _start_what_may_start(self) -> None:
        while len(self._jobs) < self._recipe.at_once:
            entry = self._queue.take_next(_has_a_gpu)
            if entry is None:
                return
            await self._start(entry)

    async def _start(self, entry: QueueEntry) -> None:
        """Begin a run, or follow it where somebody else began it meanwhile."""
        run = self._queue.run_of(entry)
        try:
            if run.is_running:
                await self._take_up(entry)
                return
            self._jobs[entry.run] = await start_job(
                run.kind or "train", run, python=self._recipe.python or None, detached=True
            )
            self._emit(Log(text=f"Started {run.title} ({entry.run})."))
        except ArnyError as error:
            self._queue.mark(entry.run, "failed", error.sentence)
            self._emit(Log(text=f"{entry.run} did not start: {error.sentence}", level="error"))
        self._say_progress()

    async def _take_up(self, entry: QueueEntry) -> None:
        """Follow a run that goes on by itself; one that has ended meanwhile is noted as it ended."""
        run = self._queue.run_of(entry)
        job = await adopt_job(run) if run.recipe_path.is_file() else None
        if job is not None:
            self._jobs[entry.run] = job
            self._emit(Log(text=f"Found {run.title} ({entry.run}) running."))
            return
        end = last_event(run.events_path)
        if isinstance(end, Terminal):
            self._queue.mark_ended(entry.run, Outcome.from_event(end))
        else:
            self._queue.mark(entry.run, "waiting")

    async def _note_what_ended(self) -> None:
        for name, job in list(self._jobs.items()):
            if job.is_running:
                continue
            outcome = await job.wait()
            del self._jobs[name]
            self._ended.append(outcome)
            self._queue.mark_ended(name, outcome)
            level = "info" if outcome.is_success else "warning"
            self._emit(Log(text=f"{job.folder.title}: {outcome.sentence}", level=level))
            self._say_progress()

    def _say_progress(self) -> None:
        entries = self._queue.entries()
        self._emit(Progress(done=sum(entry.is_over for entry in entries), total=len(entries), unit="runs"))

    def _summary(self) -> str:
        good = sum(outcome.is_success for outcome in self._ended)
        return f"The queue is empty: {good} of {len(self._ended)} runs finished well."


def _has_a_gpu(run: RunFolder) -> bool:
    """Whether a training would find a GPU free, where there are GPUs at all."""
    if run.kind != "train":
        return True
    from arny_studio.engine.gpus import gpu_facts

    try:
        recipe = run.recipe(TrainRecipe)
    except ArnyError:
        return True  # it will say itself what is wrong with it
    gpus = [facts.uuid for facts in gpu_facts()]
    wanted = min(recipe.processes, len(gpus))  # one that wants more than there are says so itself
    return not gpus or recipe.share_gpu or len(free_of(gpus)) >= wanted


if __name__ == "__main__":
    run_program("queue", main, detached=True)
