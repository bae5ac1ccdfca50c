"""The line at the bottom: what runs, the workspace, and memory."""

from __future__ import annotations

import os

import psutil
from PySide6.QtCore import QPoint, QTimer, Signal, Slot
from PySide6.QtWidgets import QMenu, QProgressBar, QStatusBar, QToolButton

from arny_studio.ui.jobs_controller import ActiveJob, JobsController
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.text import elided, label, plain_tooltip
from arny_studio.ui.wording import bytes_in_words

_MEMORY_INTERVAL_MS = 2_000
_WAITING_KINDS = frozenset({"phone", "inspect"})  # these wait for questions, they have no end


class StatusBar(QStatusBar):
    """Follows the jobs of one JobsController. Clicking the jobs lists them, each with its way to stop it."""

    job_requested = Signal(object)  # ActiveJob

    def __init__(self, jobs: JobsController, theme: ThemeSwitcher, workspace_name: str) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self._jobs = jobs
        self._process = psutil.Process(os.getpid())
        self.jobs_button = QToolButton()
        self.jobs_button.setToolButtonStyle(self.jobs_button.toolButtonStyle().ToolButtonTextBesideIcon)
        theme.dress(self.jobs_button, "activity", "text_muted")
        self.jobs_button.clicked.connect(self._on_jobs_clicked)
        self._progress = QProgressBar()
        self._progress.setFixedWidth(140)
        self._progress.setTextVisible(False)
        self._progress.hide()
        self._memory = label()
        workspace = label(workspace_name)
        plain_tooltip(workspace, "The workspace: where datasets, models and runs are kept.")
        self.addWidget(self.jobs_button)
        self.addWidget(self._progress)
        self.addPermanentWidget(workspace)
        self.addPermanentWidget(self._memory)
        for signal in (jobs.job_started, jobs.job_changed, jobs.job_ended):
            signal.connect(self._on_jobs_changed)
        self._timer = QTimer(self)
        self._timer.setInterval(_MEMORY_INTERVAL_MS)
        self._timer.timeout.connect(self._on_memory_due)
        self._timer.start()
        self._on_jobs_changed()
        self._on_memory_due()

    @Slot(object)
    def _on_jobs_changed(self, _job: ActiveJob | None = None) -> None:
        running = self._jobs.running
        self.jobs_button.setText(_jobs_in_words(running))
        working = [job for job in running if job.kind not in _WAITING_KINDS]
        self._progress.setVisible(bool(working))
        if working:
            fraction = working[-1].state.fraction
            self._progress.setRange(0, 0 if fraction is None else 1000)
            self._progress.setValue(0 if fraction is None else round(1000 * fraction))

    @Slot()
    def _on_memory_due(self) -> None:
        own = self._process.memory_info().rss
        workers = sum(job.state.memory.rss_bytes for job in self._jobs.running if job.state.memory is not None)
        machine = psutil.virtual_memory()
        parts = [f"App {bytes_in_words(own)}"]
        parts += [f"Workers {bytes_in_words(workers)}"] if workers else []
        parts += [f"Free {bytes_in_words(machine.available)} of {bytes_in_words(machine.total)}  "]
        self._memory.setText("  ·  ".join(parts))

    @Slot()
    def _on_jobs_clicked(self) -> None:
        menu = QMenu(self)
        for job in self._jobs.running:
            self._list_job(menu, job)
        if not self._jobs.running:
            menu.addAction("Nothing is running").setEnabled(False)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.jobs_button.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _list_job(self, menu: QMenu, job: ActiveJob) -> None:
        show = menu.addAction(f"Show {_name_of(job)}")
        show.triggered.connect(lambda: self.job_requested.emit(job))
        stop = menu.addAction("    Stop and save" if job.outlives_the_window else "    Stop")
        stop.setEnabled(not job.is_stopping)
        stop.triggered.connect(lambda: job.stop("save"))


def _name_of(job: ActiveJob) -> str:
    return elided(job.title.replace("&", "&&").replace("\n", " "), 80)


def _jobs_in_words(running: list[ActiveJob]) -> str:
    if not running:
        return "No jobs running"
    newest = running[-1]
    name, doing = _name_of(newest), elided(newest.state.stage.title if newest.state.stage else "starting", 60)
    is_told = newest.kind == "phone" and doing.startswith(name)  # its stage names the phone, and the mode with `_`
    told = doing.replace("_", " ") if is_told else f"{name}: {doing}"
    more = f"  (+{len(running) - 1} more)" if len(running) > 1 else ""
    return f"{told}{more}"
