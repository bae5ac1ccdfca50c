"""Decides about trainings: which recipe the form stands for, start, stop, resume, and which run is shown."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from arny_studio.atomic import write_text_atomically
from arny_studio.errors import ArnyError, BadRecipe
from arny_studio.extras import missing_extra
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import slug
from arny_studio.recipe import TrainRecipe, dump_recipe
from arny_studio.recipe.preflight import PreflightReport
from arny_studio.recipe.presets import list_presets, preset
from arny_studio.recipe.train import contradictions
from arny_studio.ui.background import Background
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.runs.run_board import RunBoard
from arny_studio.ui.tab import ExportRun, Handover, OpenDataset, TabContext, TrainOn
from arny_studio.ui.train.choices import Offers, offers_of
from arny_studio.ui.train.preflight import PreflightAsker
from arny_studio.ui.train.recipe_fields import values_of
from arny_studio.ui.train.tab import TrainTab
from arny_studio.ui.wording import count_in_words

FIRST_PRESET = "demo-tier1"
_UNSAID = "unsaid.jsonl"  # stands in for the data while a preset is read, which says all but that


class TrainController(QObject):
    """Between the Train tab, the presets, the workspace and the jobs."""

    def __init__(self, tab: TrainTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._background = Background(context.messages.show_error)
        self._preset = FIRST_PRESET
        self._foreign = ""  # what an imported recipe carries along
        self._blocker: tuple[TrainRecipe, str] | None = None  # what a look at a recipe found against it
        self.preflight = PreflightAsker(context.workspace.runs, self)
        self.board = RunBoard("train", context, self._background, tab.runs, tab.run, self)
        tab.form.show_presets(list_presets())
        self._connect()
        self._add_actions()
        self._use_preset(FIRST_PRESET)
        self.refresh()

    def receive(self, handover: Handover) -> None:
        """Take a dataset that another tab hands over."""
        if isinstance(handover, TrainOn):
            self._on_new_requested()
            self._tab.sources.show_dataset(handover.path)

    def refresh(self) -> None:
        """Look again at what the workspace holds."""
        workspace = self._context.workspace
        self._background.run("offers", partial(offers_of, workspace), self._on_offers)
        self.board.refresh()

    def close(self) -> None:
        """Let go of what still reads; runs go on."""
        self._background.forget("offers")
        self.preflight.close()
        self.board.close()

    def recipe(self) -> TrainRecipe:
        """The recipe that the form stands for. Raises BadRecipe with what is wrong."""
        sources, form = self._tab.sources, self._tab.form
        if form.problem:
            raise BadRecipe(form.problem)
        values: dict[str, Any] = {
            "kind": "train", **form.values, "title": sources.title_edit.text().strip(), "base": sources.base_value,
            "train_data": sources.train_value, "validation_data": sources.validation_value, "foreign": self._foreign,
        }  # fmt: skip
        if not values["base"]:
            raise BadRecipe("Choose a base model.")
        if not values["train_data"]:
            raise BadRecipe("Choose training data: generate a dataset on the Data tab, or browse for a file.")
        try:
            return msgspec.convert(values, TrainRecipe)
        except msgspec.ValidationError as error:
            raise BadRecipe(f"These settings cannot be used: {error}.") from error

    def _connect(self) -> None:
        tab, run = self._tab, self._tab.run
        tab.start_requested.connect(self._on_start_requested)
        tab.command_requested.connect(self._on_form_command_requested)
        tab.form.preset_chosen.connect(self._use_preset)
        tab.form.changed.connect(self._judge)
        tab.sources.changed.connect(self._judge)
        tab.sources.base_folder_requested.connect(self._on_base_folder_requested)
        tab.sources.train_file_requested.connect(partial(self._choose_file, is_validation=False))
        tab.sources.validation_file_requested.connect(partial(self._choose_file, is_validation=True))
        tab.runs.new_requested.connect(self._on_new_requested)
        run.stop_requested.connect(self._on_stop_requested)
        run.resume_requested.connect(self._on_resume_requested)
        run.export_requested.connect(self._on_export_requested)
        run.command_requested.connect(self._on_run_command_requested)
        run.reuse_requested.connect(self._on_reuse_requested)
        run.reveal_requested.connect(self.board.reveal)
        tab.preflight.row_requested.connect(self._on_row_requested)
        self.preflight.asked.connect(tab.preflight.show_checking)
        self.preflight.answered.connect(self._on_preflight_answered)
        self.preflight.failed.connect(tab.preflight.show_failure)
        self.board.shown_changed.connect(self._on_shown_changed)
        self.board.job_started.connect(self._on_job_started)

    def _add_actions(self) -> None:
        add = partial(self._context.actions.add, tab="train")
        add("train.new", "&New training run", self._on_new_requested, menu="File", shortcut="Ctrl+N", icon="plus")
        add("train.start", "&Start training", self._on_start_requested, menu="Run", shortcut="Ctrl+Return", icon="play")
        stop = partial(self._on_stop_requested, "save")
        add("train.stop", "Stop and save", stop, menu="Run", shortcut="Ctrl+.", icon="stop")

    # -- the form --------------------------------------------------------------------------------------------------

    @Slot(str)
    def _use_preset(self, name: str) -> None:
        """Everything as the preset says; data and a name of one's own stay."""
        self._preset = name
        found = preset(name, train_data=_UNSAID)
        values = values_of(found)
        self._tab.form.show_values(name, values, values)
        self._tab.sources.show_base(found.base)
        self._tab.sources.title_edit.setText(found.title)
        self._judge()

    def _on_offers(self, offers: Offers) -> None:
        self._tab.sources.show_choices(offers.bases, offers.datasets)
        self._judge()

    @Slot()
    def _judge(self) -> None:
        """Say what keeps the form from starting: the extra, the first thing that is wrong, or what a look found."""
        missing = missing_extra("train", "Training")
        if missing is not None:
            self._tab.notice.say("warning", missing.sentence, missing.hint)
            self._refuse(missing.sentence)
            return
        self._tab.notice.be_quiet()
        try:
            recipe = self.recipe()
        except BadRecipe as error:
            self._tab.sources.note.setText(error.sentence)
            self._refuse(error.sentence)
            return
        self._tab.sources.note.setText(_batches_in_words(recipe))
        objections = contradictions(recipe)
        self._tab.form.show_objections(objections)
        if objections:
            self._refuse(next(iter(objections.values())))
            return
        self._tab.allow_start(self._blocker[1] if self._blocker is not None and self._blocker[0] == recipe else "")
        if self._tab.isVisible() and self._tab.is_form_shown:
            self.preflight.ask(recipe)

    def _refuse(self, sentence: str) -> None:
        self._tab.allow_start(sentence)
        self.preflight.forget()
        self._tab.preflight.show_nothing("")

    @Slot(object, object)
    def _on_preflight_answered(self, recipe: TrainRecipe, report: PreflightReport) -> None:
        """What a look found: shown, and where something stands against the training it does not start."""
        blocker = report.blocker
        self._blocker = (recipe, blocker.text) if blocker is not None else None
        self._tab.preflight.show_report(report)
        self._judge()

    @Slot(object, int)
    def _on_row_requested(self, path: Path, line: int) -> None:
        self._context.go("data", OpenDataset(path=path, line=line))

    def _choose_file(self, *, is_validation: bool) -> None:
        folder = str(self._context.workspace.datasets)
        dialog = QFileDialog(self._tab, "Choose data", folder, "JSONL files (*.jsonl);;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(partial(self._on_file_selected, is_validation=is_validation))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_file_selected(self, name: str, *, is_validation: bool) -> None:
        self._tab.sources.show_dataset(Path(name), is_validation=is_validation)

    @Slot()
    def _on_base_folder_requested(self) -> None:
        dialog = QFileDialog(self._tab, "Choose the folder of a base model", str(self._context.workspace.models))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._tab.sources.show_base)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _on_start_requested(self) -> None:
        if not self._tab.is_form_shown:
            return
        try:
            recipe = self.recipe()
        except BadRecipe as error:
            self._context.messages.show_error(error)
            return
        self.preflight.forget()  # the worker that trains needs the processor more
        self.board.start(partial(self._context.jobs.start, "train", recipe))

    @Slot()
    def _on_new_requested(self) -> None:
        self.board.show_nothing()
        self._tab.show_form()
        self._judge()

    @Slot()
    def _on_form_command_requested(self) -> None:
        """A command needs a recipe file: the form is saved beside the workspace's runs."""
        try:
            recipe = self.recipe()
            path = self._context.workspace.root / "recipes" / f"{slug(recipe.title) or 'train'}.toml"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomically(path, dump_recipe(recipe))
        except (ArnyError, OSError) as error:
            self._context.messages.show_error(error)
            return
        self._copy_command("train", str(path))

    # -- runs ------------------------------------------------------------------------------------------------------

    @Slot(object)
    def _on_shown_changed(self, folder: RunFolder) -> None:
        """The page shows the locked recipe of the run, never the form."""
        self._tab.show_run_page()
        try:
            self._tab.run.show_recipe(folder.recipe(TrainRecipe))
        except ArnyError as error:
            self._context.messages.show_error(error)

    @Slot(object)
    def _on_job_started(self, job: ActiveJob) -> None:
        """A run that an earlier window left behind comes to the front, unless the user is at something."""
        if self.board.shown is None and not self._tab.form.changed_fields:
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
        baseline = values_of(preset(self._preset, train_data=_UNSAID))
        self._tab.form.show_values(self._preset, values_of(recipe), baseline)
        sources = self._tab.sources
        sources.show_base(recipe.base)
        sources.show_dataset(Path(recipe.train_data))
        if recipe.validation_data:
            sources.show_dataset(Path(recipe.validation_data), is_validation=True)
        sources.title_edit.setText(recipe.title)
        self._on_new_requested()
        self._judge()

    @Slot()
    def _on_run_command_requested(self) -> None:
        if self.board.shown is not None:
            self._copy_command("train", "--resume", str(self.board.shown.path))

    def _copy_command(self, *arguments: str) -> None:
        command = shlex.join(["arny", *arguments])
        QGuiApplication.clipboard().setText(command)
        self._context.messages.show_message("info", "The command is on the clipboard.", command)


def _batches_in_words(recipe: TrainRecipe) -> str:
    rows = recipe.batch_size * recipe.gradient_accumulation
    what = count_in_words(rows, "pack" if recipe.packing else "sample")
    length = f" of {recipe.max_seq_length} tokens" if recipe.packing else ""
    return f"{what}{length} per step ({recipe.batch_size} × {recipe.gradient_accumulation})."
