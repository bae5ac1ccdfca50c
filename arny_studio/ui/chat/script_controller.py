"""Decides about scripted runs: which file, on the phone of the pickers, and what its report says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from arny_studio.errors import ArnyError
from arny_studio.evaluation.phone_report import ScriptedRun, summary_of
from arny_studio.jobs.events import AnyEvent, Artifact, Progress, Replied
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.replies import reply_line
from arny_studio.recipe import PhoneRecipe
from arny_studio.ui.chat.script_page import ScriptPage
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import TabContext

_REPAINT_MS = 250  # the figures are of all lines, so not with every line


class ScriptController(QObject):
    """Between the page and the worker that runs a file of queries. `recipe_for` makes the recipe of a file."""

    def __init__(self, page: ScriptPage, context: TabContext, recipe_for: Callable[[str], PhoneRecipe]) -> None:
        super().__init__(page)
        self._page, self._context, self._recipe_for = page, context, recipe_for
        self._path: Path | None = None
        self._job: ActiveJob | None = None
        self._recipe: PhoneRecipe | None = None
        self._progress = (0, 0)
        self.report: Path | None = None
        self.repaint = QTimer(self)
        self.repaint.setSingleShot(True)
        self.repaint.setInterval(_REPAINT_MS)
        self.repaint.timeout.connect(self._show)
        page.file_requested.connect(self._on_file_requested)
        page.run_requested.connect(self.run)
        page.stop_requested.connect(self._on_stop_requested)
        page.report_requested.connect(self._on_report_requested)
        page.show_figures([], has_report=False)

    @property
    def is_running(self) -> bool:
        """Whether a scripted run goes on."""
        return self._job is not None and self._job.is_running

    def choose(self, path: Path) -> None:
        """Take a file of queries."""
        self._path = path
        self._page.show_file(path)
        self._show()

    @Slot()
    def run(self) -> None:
        """Send the file through the phone of the pickers."""
        if self._path is None or self.is_running:
            return
        try:
            self._recipe = self._recipe_for(str(self._path.absolute()))
            self._job = self._context.jobs.start("phone", self._recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._page.model.show_items([])
        self.report, self._progress = None, (0, 0)
        self._job.event_received.connect(self._on_event)
        self._job.ended.connect(self._on_ended)
        self._show("Switching the phone on…")

    @Slot(object)
    def _on_event(self, event: AnyEvent) -> None:
        if self.sender() is not self._job or self._job is None:
            return
        match event:
            case Replied():
                self._page.model.add(event)
            case Progress():
                self._progress = (event.done, event.total or 0)
            case Artifact(kind="report"):
                self.report = self._job.folder.path / event.path
            case _:
                return
        if not self.repaint.isActive():
            self.repaint.start()

    @Slot(object)
    def _on_ended(self, outcome: Outcome) -> None:
        if self.sender() is self._job:
            self.repaint.stop()
            self._show(f"{outcome.sentence} {outcome.hint}".strip(), failed=outcome.kind == "failed")

    @Slot()
    def _on_stop_requested(self) -> None:
        if self._job is not None:
            self._job.stop("save")

    @Slot()
    def _on_report_requested(self) -> None:
        if self.report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.report)))

    @Slot()
    def _on_file_requested(self) -> None:
        dialog = QFileDialog(self._page, "Choose queries", str(self._context.workspace.datasets), "Queries (*.jsonl)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_file_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_file_chosen(self, name: str) -> None:
        self.choose(Path(name))

    @Slot()
    def _show(self, said: str = "", *, failed: bool = False) -> None:
        reason = "" if self._path is not None else "Choose a file of queries first."
        done, total = self._progress
        self._page.show_run(is_running=self.is_running, reason=reason, done=done, total=total, said=said, failed=failed)
        self._page.show_figures(self._figures(), has_report=self.report is not None)

    def _figures(self) -> list[tuple[str, str]]:
        replies = self._page.model.items
        if not replies or self._recipe is None or self._recipe.profile is None:
            return []
        profile = self._recipe.profile
        models = tuple(Path(name).name for name in (self._recipe.tier1, self._recipe.tier2) if name)
        lines = [reply_line(reply) for reply in replies]
        cap_mib = profile.cap_bytes / 2**20
        run = ScriptedRun(phone=profile.title, mode=profile.wished_mode, models=models, cap_mib=cap_mib, lines=lines)
        return summary_of(run)
