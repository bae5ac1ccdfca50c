"""Decides which runs are compared, and keeps their page true while some of them go on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Slot

from arny_studio.errors import ArnyError
from arny_studio.jobs.annotations import Annotations, read_annotations
from arny_studio.jobs.comparison import Comparison, compare_runs
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.state import RunState
from arny_studio.ui.background import Background
from arny_studio.ui.jobs_controller import JobsController
from arny_studio.ui.train.compare_page import ComparedRun, ComparePage

_READ_AGAIN_MS = 3_000


class CompareController(QObject):
    """Reads the chosen runs aside and hands them to the page."""

    def __init__(self, page: ComparePage, jobs: JobsController, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._jobs, self._background = page, jobs, background
        self.runs: tuple[RunFolder, ...] = ()
        self._again = QTimer(self, singleShot=True, interval=_READ_AGAIN_MS)
        self._again.timeout.connect(self._on_again)

    def show(self, runs: Sequence[RunFolder]) -> None:
        """Compare these runs, in this order."""
        self.runs = tuple(runs)
        self._read()

    def close(self) -> None:
        """Read no more."""
        self._again.stop()
        self._background.forget("compare")

    def _read(self) -> None:
        runs = self.runs
        live = {run: job.state for run in runs if (job := self._jobs.find(run)) is not None and job.state.attempts}
        self._background.run("compare", lambda: _compared(runs, live), self._on_read)

    def _on_read(self, found: tuple[list[ComparedRun], Comparison]) -> None:
        self._page.show_runs(*found)
        if any(job.is_running for run in self.runs if (job := self._jobs.find(run)) is not None):
            self._again.start()

    @Slot()
    def _on_again(self) -> None:
        if self._page.isVisible():
            self._read()


def _compared(runs: Sequence[RunFolder], live: dict[RunFolder, RunState]) -> tuple[list[ComparedRun], Comparison]:
    """Everything the page shows. Raises ArnyError where a recipe cannot be read."""
    states = [live.get(run) or run.state() for run in runs]
    notes = [_annotations(run) for run in runs]
    shown = [
        ComparedRun(key=run.name, title=run.title, state=state, tags=tuple(note.tags), note=note.note)
        for run, state, note in zip(runs, states, notes, strict=True)
    ]
    return shown, compare_runs(runs, states)


def _annotations(run: RunFolder) -> Annotations:
    try:
        return read_annotations(run)
    except ArnyError:
        return Annotations()  # a damaged note must not keep runs from being compared
