"""Decides about exports: what may be exported, start, cancel, and where the files go next."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit

from arny_studio.errors import ArnyError
from arny_studio.extras import missing_extra
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import ExportRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.export.form import FROM_RUN
from arny_studio.ui.export.sources import FinishedRun, finished_runs, recipe_of
from arny_studio.ui.export.tab import ExportTab
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.runs.run_board import RunBoard
from arny_studio.ui.tab import ChatWith, EvaluateModel, ExportRun, Handover, TabContext


class ExportController(QObject):
    """Between the Export tab, the workspace and the jobs."""

    def __init__(self, tab: ExportTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._background = Background(context.messages.show_error)
        self._wanted: RunFolder | None = None  # handed over before the list of runs was read
        self.board = RunBoard("export", context, self._background, tab.runs, tab.run, self)
        self._connect()
        self._add_actions()
        self.refresh()

    def receive(self, handover: Handover) -> None:
        """Take a finished run that another tab hands over."""
        if isinstance(handover, ExportRun):
            self._wanted = RunFolder(handover.folder)
            self._on_new_requested()
            self._tab.form.show_source(FROM_RUN)
            self.refresh()

    def refresh(self) -> None:
        """Look again at what the workspace holds."""
        workspace = self._context.workspace
        self._background.run("sources", partial(finished_runs, workspace), self._on_sources)
        self.board.refresh()

    def close(self) -> None:
        """Let go of what still reads; exports go on."""
        self._background.forget("sources")
        self.board.close()

    def _connect(self) -> None:
        tab, run = self._tab, self._tab.run
        tab.start_requested.connect(self._on_start_requested)
        tab.form.changed.connect(self._judge)
        tab.form.base_folder_requested.connect(partial(self._choose_folder, tab.form.base, "base model"))
        tab.form.adapter_folder_requested.connect(partial(self._choose_folder, tab.form.adapter, "adapter"))
        tab.runs.new_requested.connect(self._on_new_requested)
        run.stop_requested.connect(self._on_stop_requested)
        run.again_requested.connect(self._on_again_requested)
        run.chat_requested.connect(self._on_chat_requested)
        run.evaluate_requested.connect(self._on_evaluate_requested)
        run.reveal_requested.connect(self.board.reveal)
        self.board.shown_changed.connect(self._on_shown_changed)
        self.board.job_started.connect(self._on_job_started)

    def _add_actions(self) -> None:
        add = partial(self._context.actions.add, tab="export")
        add("export.new", "&New export", self._on_new_requested, menu="File", shortcut="Ctrl+N", icon="plus")
        add("export.start", "&Start export", self._on_start_requested, menu="Run", shortcut="Ctrl+Return", icon="play")
        add("export.stop", "Cancel export", self._on_stop_requested, menu="Run", shortcut="Ctrl+.", icon="stop")

    def _on_sources(self, runs: list[FinishedRun]) -> None:
        self._tab.form.show_runs(runs)
        wanted = next((run for run in runs if run.folder == self._wanted), None)
        if wanted is not None:
            self._tab.form.choose_run(wanted)
            self._wanted = None
        self._judge()

    @Slot()
    def _judge(self) -> None:
        """Say what keeps the form from starting."""
        quants = self._tab.form.quants.chosen
        missing = missing_extra("infer", "Quantizing") if any(quant != "F16" for quant in quants) else None
        if missing is not None:
            self._tab.notice.say("warning", missing.sentence, missing.hint)
            self._tab.allow_start(f"{missing.sentence} F16 alone needs nothing more.")
            return
        self._tab.notice.be_quiet()
        try:
            recipe_of(self._tab.form.wish)
        except ArnyError as error:
            self._tab.allow_start(error.sentence)
            return
        self._tab.allow_start("")

    def _choose_folder(self, target: QLineEdit, what: str) -> None:
        start = target.text() or str(self._context.workspace.models)
        dialog = QFileDialog(self._tab, f"Choose the folder of the {what}", start)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(target.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _on_start_requested(self) -> None:
        if not self._tab.is_form_shown:
            return
        try:
            recipe = recipe_of(self._tab.form.wish)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self.board.start(partial(self._context.jobs.start, "export", recipe))

    @Slot()
    def _on_new_requested(self) -> None:
        self.board.show_nothing()
        self._tab.show_form()

    @Slot(object)
    def _on_shown_changed(self, folder: RunFolder) -> None:
        self._tab.show_run_page()
        try:
            self._tab.run.show_recipe(folder.recipe(ExportRecipe))
        except ArnyError as error:
            self._context.messages.show_error(error)

    @Slot(object)
    def _on_job_started(self, job: ActiveJob) -> None:
        """An export that an earlier window left behind comes to the front."""
        if self.board.shown is None and self._wanted is None:
            self.board.show_run(job.folder)

    @Slot()
    def _on_stop_requested(self) -> None:
        self.board.stop("save")  # in good order: its half-written files are taken away by the worker itself

    @Slot()
    def _on_again_requested(self) -> None:
        self.board.resume()

    @Slot(object)
    def _on_chat_requested(self, file: Artifact) -> None:
        if self.board.shown is not None:
            self._context.go("chat", ChatWith(path=self.board.shown.path / file.path, tier=self._tier()))

    @Slot(object)
    def _on_evaluate_requested(self, file: Artifact) -> None:
        if self.board.shown is not None:
            self._context.go("evaluate", EvaluateModel(path=self.board.shown.path / file.path))

    def _tier(self) -> int:
        """Which tier the shown export is for; the router's where its recipe does not say."""
        assert self.board.shown is not None
        try:
            return 2 if self.board.shown.recipe(ExportRecipe).tier == "tier2" else 1
        except ArnyError:
            return 1
