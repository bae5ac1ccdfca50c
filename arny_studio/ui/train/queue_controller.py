"""Decides about the queue: what is added to it, in which order it runs, and that its runs are found when they begin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from arny_studio.errors import ArnyError
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.queue import RunQueue
from arny_studio.recipe import TrainRecipe
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import TabContext
from arny_studio.ui.train.queue_panel import QueuedRun, QueuePanel

QUEUE_KIND = "queue"
_LOOK_EVERY_MS = 1_500


class QueueController(QObject):
    """Between the queue's panel, its file and its worker, which outlives the window."""

    run_opened = Signal(object)  # RunFolder

    def __init__(self, panel: QueuePanel, context: TabContext, parent: QObject) -> None:
        super().__init__(parent)
        self._finding: asyncio.Task[None] | None = None
        self._panel, self._context = panel, context
        self.queue = RunQueue(context.workspace)
        self._look = QTimer(self, interval=_LOOK_EVERY_MS)
        self._look.timeout.connect(self._on_look_due)
        panel.moved.connect(self._on_moved)
        panel.removed.connect(self._on_removed)
        panel.opened.connect(self._on_opened)
        panel.start_requested.connect(self.start)
        panel.stop_requested.connect(self._on_stop_requested)
        panel.tidy_requested.connect(self._on_tidy_requested)
        jobs = context.jobs
        for signal in (jobs.job_started, jobs.job_changed, jobs.job_ended):
            signal.connect(self._on_job_changed)

    def add(self, recipe: TrainRecipe) -> RunFolder | None:
        """Put a training behind those that wait, and see to it that the queue works. None where it cannot be."""
        try:
            folder = self._context.workspace.new_run("train", recipe)
            self.queue.add(folder)
        except (ArnyError, OSError) as error:
            self._context.messages.show_error(error)
            return None
        self.start()
        return folder

    @Slot()
    def start(self) -> None:
        """Let a worker go through the queue, unless one does."""
        if not self.is_working:
            self._do(
                lambda: self._context.jobs.resume(
                    QUEUE_KIND, self.queue.prepare(python=self._context.jobs.pythons.get("train", "")), "Queue"
                )
            )
        self.refresh()

    def close(self) -> None:
        """Look no more; the queue goes on."""
        self._look.stop()

    @Slot()
    def refresh(self) -> None:
        """Show the queue as it stands on the disk."""
        try:
            entries = tuple(
                QueuedRun(entry=entry, title=self.queue.run_of(entry).title) for entry in self.queue.entries()
            )
        except (ArnyError, OSError) as error:
            self._context.messages.show_error(error)
            return
        self._panel.show_queue(entries, is_working=self.is_working)
        if self.is_working != self._look.isActive():
            (self._look.start if self.is_working else self._look.stop)()

    @property
    def is_working(self) -> bool:
        """Whether a worker takes the next run."""
        job = self._job
        return job.is_running and not job.is_stopping if job is not None else self.queue.is_running

    @property
    def _job(self) -> ActiveJob | None:
        return self._context.jobs.find(self.queue.folder)

    @Slot(object)
    def _on_job_changed(self, job: ActiveJob) -> None:
        if job.kind == QUEUE_KIND:
            self.refresh()

    @Slot()
    def _on_look_due(self) -> None:
        """The runs of the queue are started by its worker, not by this window: find those that began."""
        self.refresh()
        if self._finding is None or self._finding.done():
            self._finding = asyncio.get_event_loop().create_task(self._context.jobs.adopt_running())

    @Slot(str, int)
    def _on_moved(self, run: str, place: int) -> None:
        self._do(lambda: self.queue.move(run, place))
        self.refresh()

    @Slot(str)
    def _on_removed(self, run: str) -> None:
        self._do(lambda: self.queue.remove(run))
        self.refresh()

    @Slot()
    def _on_tidy_requested(self) -> None:
        self._do(self.queue.forget_ended)
        self.refresh()

    @Slot(str)
    def _on_opened(self, run: str) -> None:
        folder = RunFolder(self._context.workspace.runs / run)
        if folder.recipe_path.is_file():
            self.run_opened.emit(folder)

    @Slot()
    def _on_stop_requested(self) -> None:
        if self._job is not None and self._job.is_running:
            self._job.stop("save")
        self.refresh()

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (ArnyError, OSError) as error:
            self._context.messages.show_error(error)
