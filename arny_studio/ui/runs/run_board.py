"""Which run of some kinds is on the page, and what is known of it: the part that every page of runs has in common."""

from __future__ import annotations

from functools import partial
from typing import Literal, Protocol

from msgspec.structs import replace
from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices

from arny_studio.errors import ArnyError
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.state import RunState
from arny_studio.ui.background import Background
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.runs.run_list import RunList
from arny_studio.ui.runs.summary import RunStatus, RunSummary, status_of, summaries, summarise
from arny_studio.ui.tab import TabContext


class ShowsRun(Protocol):
    """A page that shows one run."""

    def show_run(self, run: RunSummary) -> None:
        """Another run is shown."""
        ...

    def show_status(self, status: RunStatus) -> None:
        """How it stands."""
        ...

    def show_state(self, state: RunState) -> None:
        """Everything that its events told."""
        ...


class RunBoard(QObject):
    """Keeps list and page true to the workspace's run folders and to the jobs of this window.

    A run's log is read aside; a job of this window is shown from its own state, at most ten times a second.
    """

    shown_changed = Signal(object)  # RunFolder
    job_started = Signal(object)  # ActiveJob of these kinds
    job_ended = Signal(object)  # ActiveJob of these kinds
    runs_read = Signal(object)  # list[RunSummary]

    def __init__(
        self, kinds: str, context: TabContext, background: Background, runs: RunList, page: ShowsRun, parent: QObject
    ) -> None:
        """`kinds` are separated by spaces."""
        super().__init__(parent)
        self._kinds, self._context, self._background = kinds.split(), context, background
        self._runs, self._page = runs, page
        self.shown: RunFolder | None = None
        runs.run_chosen.connect(self.show_run)
        context.jobs.job_started.connect(self._on_job_started)
        context.jobs.job_changed.connect(self._on_job_changed)
        context.jobs.job_ended.connect(self._on_job_ended)

    @property
    def job(self) -> ActiveJob | None:
        """The job of the run on the page, if this window started or found it."""
        return self._context.jobs.find(self.shown) if self.shown is not None else None

    def refresh(self) -> None:
        """Look again at the run folders."""
        workspace, kinds = self._context.workspace, self._kinds
        self._background.run("runs", lambda: summaries(workspace.runs_by_time(), kinds), self._on_runs_read)

    def close(self) -> None:
        """Show no more of what is still being read."""
        for topic in ("runs", "state"):
            self._background.forget(topic)

    @Slot(object)
    def show_run(self, folder: RunFolder) -> None:
        """Put a run on the page: at once what is known, its log as soon as it is read."""
        self.shown = folder
        self._background.forget("state")
        self._page.show_run(summarise(folder))
        self._runs.choose(folder)
        job = self.job
        if job is not None:
            self._show_status(job)
        if job is not None and job.state.attempts:
            self._page.show_state(job.state)
        else:
            self._background.run("state", folder.state, partial(self._on_state_read, folder))
        self.shown_changed.emit(folder)

    def show_nothing(self) -> None:
        """No run is on the page."""
        self.shown = None
        self._background.forget("state")
        self._runs.choose(None)

    def stop(self, mode: Literal["save", "now"]) -> None:
        """Ask the run on the page to end."""
        job = self.job
        if job is not None and job.is_running:
            job.stop(mode)

    def resume(self) -> None:
        """Start a worker again on the run on the page."""
        job = self.job
        if self.shown is not None and (job is None or not job.is_running):
            self._context.jobs.resume(self.shown.kind, self.shown, self.shown.title)
            self.show_run(self.shown)

    @Slot()
    def reveal(self) -> None:
        """Show the run folder in the file manager."""
        if self.shown is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.shown.path)))

    def start(self, make_job: partial[ActiveJob]) -> None:
        """Start a job and show it, or say why it cannot be."""
        try:
            job = make_job()
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self.show_run(job.folder)

    def _on_runs_read(self, runs: list[RunSummary]) -> None:
        """Fill the list. A job of this window knows better than the disk how its run stands."""
        self._runs.show_runs(runs)
        for run in runs:
            job = self._context.jobs.find(run.folder)
            if job is not None:
                self._show_status(job)
        self._runs.choose(self.shown)
        self.runs_read.emit(runs)

    def _on_state_read(self, folder: RunFolder, state: RunState) -> None:
        job = self._context.jobs.find(folder)
        if folder != self.shown or (job is not None and job.state.attempts):
            return
        self._page.show_state(_as_begun(state) if job is not None and job.is_running else state)

    @Slot(object)
    def _on_job_started(self, job: ActiveJob) -> None:
        if job.kind in self._kinds:
            self.refresh()
            self.job_started.emit(job)

    @Slot(object)
    def _on_job_changed(self, job: ActiveJob) -> None:
        if job.kind not in self._kinds or self._context.jobs.find(job.folder) is not job:
            return
        self._show_status(job)
        if job.folder == self.shown and job.state.attempts:
            self._page.show_state(job.state)

    @Slot(object)
    def _on_job_ended(self, job: ActiveJob) -> None:
        if job.kind not in self._kinds:
            return
        self.refresh()
        if job.folder == self.shown and job.state.outcome is None:  # it never stood: tell what kept it
            self._page.show_state(replace(job.state, outcome=job.outcome))
        self.job_ended.emit(job)

    def _show_status(self, job: ActiveJob) -> None:
        status = status_of(job.outcome, has_started=job.state.attempts > 0, is_stopping=job.is_stopping)
        self._runs.model.show_status(job.folder, status)
        if job.folder == self.shown:
            self._page.show_status(status)


def _as_begun(state: RunState) -> RunState:
    """What an earlier attempt left, without its end: a new attempt is on its way."""
    if state.outcome is None:
        return state
    return replace(state, outcome=None, stages=(), stage=None, progress=None)
