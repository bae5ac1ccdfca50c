"""Decides about trainings: start, stop, resume, and which page of the tab is shown."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Literal

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from arny_studio.errors import ArnyError
from arny_studio.jobs.annotations import Annotations, read_annotations, write_annotations
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.command_line import train_command
from arny_studio.ui.background import Background
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.runs.run_board import RunBoard
from arny_studio.ui.tab import ExportRun, Handover, TabContext, TrainOn
from arny_studio.ui.train.compare_controller import CompareController
from arny_studio.ui.train.form_controller import FormController
from arny_studio.ui.train.models_controller import ModelsController
from arny_studio.ui.train.queue_controller import QueueController
from arny_studio.ui.train.recipe_files import RecipeFiles
from arny_studio.ui.train.tab import TrainTab

_COMPARED_AT_FIRST = 2


class TrainController(QObject):
    """Between the Train tab, the workspace and the jobs."""

    def __init__(self, tab: TrainTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._background = Background(context.messages.show_error)
        self.form = FormController(tab.new, context, self._background, self)
        self.board = RunBoard("train", context, self._background, tab.runs, tab.run, self)
        self.comparing = CompareController(tab.compare, context.jobs, self._background, self)
        self.files = RecipeFiles(tab.new.menu, self.form, context)
        self.models = ModelsController(tab.models, context, self._background, self)
        self.queue = QueueController(tab.queue, context, self)
        self._noted: RunFolder | None = None  # whose tags and note are on the page
        self._connect()
        self._add_actions()
        self.refresh()

    def receive(self, handover: Handover) -> None:
        """Take a dataset that another tab hands over."""
        if isinstance(handover, TrainOn):
            self._on_new_requested()
            self._tab.new.sources.show_dataset(handover.path)

    def refresh(self) -> None:
        """Look again at what the workspace holds."""
        self.form.refresh()
        self.queue.refresh()
        self.board.refresh()

    def close(self) -> None:
        """Let go of what still reads; runs go on."""
        self._tab.run.notes.flush()
        self.form.close()
        self.comparing.close()
        self.queue.close()
        self.models.close()
        self.board.close()

    def _connect(self) -> None:
        tab, run = self._tab, self._tab.run
        tab.new.command_requested.connect(self._on_form_command_requested)
        tab.runs.new_requested.connect(self._on_new_requested)
        tab.runs.several_chosen.connect(self.show_comparison)
        tab.compare_requested.connect(self._on_compare_requested)
        run.stop_requested.connect(self._on_stop_requested)
        run.resume_requested.connect(self._on_resume_requested)
        run.export_requested.connect(self._on_export_requested)
        run.command_requested.connect(self._on_run_command_requested)
        run.reuse_requested.connect(self._on_reuse_requested)
        run.reveal_requested.connect(self.board.reveal)
        run.notes.changed.connect(self._on_notes_changed)
        self.form.recipe_started.connect(self._on_recipe_started)
        tab.models_requested.connect(self._on_models_requested)
        self.models.base_chosen.connect(self._on_base_chosen)
        self.models.models_changed.connect(self.form.refresh)
        self.form.recipe_queued.connect(self._on_recipe_queued)
        self.queue.run_opened.connect(self.board.show_run)
        self.board.shown_changed.connect(self._on_shown_changed)
        self.board.job_started.connect(self._on_job_started)

    def _add_actions(self) -> None:
        add = partial(self._context.actions.add, tab="train")
        add("train.new", "&New training run", self._on_new_requested, menu="File", shortcut="Ctrl+N", icon="plus")
        add("train.start", "&Start training", self._on_start_requested, menu="Run", shortcut="Ctrl+Return", icon="play")
        stop = partial(self._on_stop_requested, "save")
        add("train.stop", "Stop and save", stop, menu="Run", shortcut="Ctrl+.", icon="stop")
        add("train.models", "&Models", self._on_models_requested, menu="View", icon="data")
        add("train.compare", "&Compare runs", self._on_compare_requested, menu="View", icon="compare")

    # -- the form --------------------------------------------------------------------------------------------------

    @Slot()
    def _on_start_requested(self) -> None:
        if self._tab.is_form_shown:
            self.form.start()

    @Slot(object)
    def _on_recipe_started(self, recipe: TrainRecipe) -> None:
        self.board.start(partial(self._context.jobs.start, "train", recipe))

    @Slot(object)
    def _on_recipe_queued(self, recipe: TrainRecipe) -> None:
        """The form stays, for the next one; a run that begins comes to the list, not to the front."""
        folder = self.queue.add(recipe)
        if folder is not None:
            self._context.messages.show_message("info", f"{folder.title} is in the queue.")
            self.board.refresh()

    @Slot()
    def _on_new_requested(self) -> None:
        self.board.show_nothing()
        self._tab.show_form()
        self.form.judge()

    @Slot()
    def _on_form_command_requested(self) -> None:
        try:
            command = train_command(self.form.recipe(), preset=self.form.preset)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._copy(command)

    # -- models ----------------------------------------------------------------------------------------------------

    @Slot()
    def _on_models_requested(self) -> None:
        self.board.show_nothing()
        self._tab.show_models()
        self.models.refresh()

    @Slot(str)
    def _on_base_chosen(self, folder: str) -> None:
        self._on_new_requested()
        self._tab.new.sources.show_base(folder)

    # -- several runs ----------------------------------------------------------------------------------------------

    @Slot(object)
    def show_comparison(self, runs: list[RunFolder]) -> None:
        """Put several runs over one another."""
        self.board.show_nothing()
        self._tab.runs.choose_all(runs)
        self._tab.show_comparison()
        self.comparing.show(runs)

    @Slot()
    def _on_compare_requested(self) -> None:
        """Those that are selected; else the run on the page beside the newest other one."""
        model, chosen = self._tab.runs.model, self._tab.runs.chosen_runs
        others = [model.run_at(line).folder for line in range(model.rowCount())]
        wanted = [*chosen, *(run for run in others if run not in chosen)]
        runs = chosen if len(chosen) >= _COMPARED_AT_FIRST else wanted[:_COMPARED_AT_FIRST]
        self.show_comparison([run for run in others if run in runs])

    # -- one run ---------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_shown_changed(self, folder: RunFolder) -> None:
        """The page shows the locked recipe of the run, never the form."""
        self._tab.show_run_page()
        self._noted = folder
        try:
            self._tab.run.show_recipe(folder.recipe(TrainRecipe))
            self._tab.run.notes.show_annotations(read_annotations(folder))
        except ArnyError as error:
            self._context.messages.show_error(error)

    @Slot(object)
    def _on_notes_changed(self, annotations: Annotations) -> None:
        if self._noted is None:
            return
        try:
            write_annotations(self._noted, annotations)
        except ArnyError as error:
            self._context.messages.show_error(error)

    @Slot(object)
    def _on_job_started(self, job: ActiveJob) -> None:
        """A run that an earlier window left behind comes to the front, unless the user is at something."""
        is_free = self.board.shown is None and self._tab.is_form_shown and not self._tab.new.form.changed_fields
        if is_free and not self.queue.is_working:
            self.board.show_run(job.folder)

    @Slot(str)
    def _on_stop_requested(self, mode: Literal["save", "now"]) -> None:
        self.board.stop(mode)

    @Slot()
    def _on_resume_requested(self) -> None:
        self.board.resume()

    @Slot()
    def _on_export_requested(self) -> None:
        if self.board.shown is not None:
            self._context.go("export", ExportRun(folder=self.board.shown.path))

    @Slot()
    def _on_reuse_requested(self) -> None:
        """The form, filled with this run's recipe."""
        if self.board.shown is None:
            return
        try:
            recipe = self.board.shown.recipe(TrainRecipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self.form.show_recipe(recipe)
        self._on_new_requested()

    @Slot()
    def _on_run_command_requested(self) -> None:
        if self.board.shown is not None:
            self._copy(shlex.join(["arny", "train", "--resume", str(self.board.shown.path)]))

    def _copy(self, command: str) -> None:
        QGuiApplication.clipboard().setText(command)
        self._context.messages.show_message("info", "The command is on the clipboard.", command)
