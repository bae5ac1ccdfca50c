"""Decides about the form of a new training: which recipe it stands for, and what keeps that from starting."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from arny_studio.errors import ArnyError, BadRecipe
from arny_studio.jobs.training_inputs import require_datasets
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.preflight import PreflightReport
from arny_studio.recipe.presets import list_presets, preset
from arny_studio.recipe.train import contradictions
from arny_studio.spelling import in_plain_words
from arny_studio.ui.background import Background
from arny_studio.ui.tab import OpenDataset, TabContext
from arny_studio.ui.train.choices import Offers, offers_of
from arny_studio.ui.train.engine_controller import EngineController
from arny_studio.ui.train.form_page import FormPage
from arny_studio.ui.train.preflight import PreflightAsker
from arny_studio.ui.train.recipe_fields import values_of
from arny_studio.ui.wording import count_in_words

FIRST_PRESET = "demo-tier1"
_UNSAID = "unsaid.jsonl"  # stands in for the data while a preset is read, which says all but that


class FormController(QObject):
    """Between the form, the presets, the workspace's bases and datasets, and the look before the start."""

    recipe_started = Signal(object)  # TrainRecipe
    recipe_queued = Signal(object)  # TrainRecipe

    def __init__(self, page: FormPage, context: TabContext, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._context, self._background = page, context, background
        self.preset = FIRST_PRESET
        self._foreign = ""  # what an imported recipe carries along
        self._blocker: tuple[TrainRecipe, str] | None = None  # what a look at a recipe found against it
        self.engine = EngineController(page.engine, context, background, self)
        self.preflight = PreflightAsker(context.workspace.runs, self)
        page.form.show_presets(list_presets())
        self._connect()
        self._use_preset(FIRST_PRESET)

    def refresh(self) -> None:
        """Look again at what the workspace offers."""
        self._background.run("offers", partial(offers_of, self._context.workspace), self._on_offers)

    def close(self) -> None:
        """Let go of what still reads."""
        self._background.forget("offers")
        self.engine.close()
        self.preflight.close()

    def recipe(self) -> TrainRecipe:
        """The recipe that the form stands for. Raises BadRecipe with what is wrong."""
        sources, form = self._page.sources, self._page.form
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
            raise BadRecipe(f"These settings cannot be used: {in_plain_words(str(error))}.") from error

    def show_recipe(self, recipe: TrainRecipe) -> None:
        """Fill the form with a recipe; what differs from the present preset is marked."""
        baseline = values_of(preset(self.preset, train_data=_UNSAID))
        self._page.form.show_values(self.preset, values_of(recipe), baseline)
        self._foreign = recipe.foreign
        sources = self._page.sources
        sources.show_base(recipe.base)
        if recipe.train_data:
            sources.show_dataset(Path(recipe.train_data))
        if recipe.validation_data:
            sources.show_dataset(Path(recipe.validation_data), is_validation=True)
        sources.title_edit.setText(recipe.title)
        self.judge()

    @Slot()
    def judge(self) -> None:
        """Say what keeps the form from starting: the extra, the first thing that is wrong, or what a look found."""
        self.engine.show_engine(self._page.form.values["engine"])
        missing = self.engine.missing()
        if missing is not None:
            self._page.notice.say("warning", missing.sentence, missing.hint)
            self._refuse(missing.sentence)
            return
        self._page.notice.be_quiet()
        try:
            recipe = self.recipe()
        except BadRecipe as error:
            self._page.sources.note.setText(error.sentence)
            self._refuse(error.sentence)
            return
        self._page.sources.note.setText(_batches_in_words(recipe))
        objections = contradictions(recipe)
        if self.engine.problem:
            objections.setdefault("engine", self.engine.problem)
        self._page.form.show_objections(objections)
        if objections:
            self._refuse(next(iter(objections.values())))
            return
        self._page.allow_start(self._blocker[1] if self._blocker is not None and self._blocker[0] == recipe else "")
        if self._page.isVisible():
            self.preflight.ask(recipe)

    @Slot()
    def start(self) -> None:
        """Train what the form stands for."""
        self._send(self.recipe_started)

    @Slot()
    def _on_queue_requested(self) -> None:
        self._send(self.recipe_queued)

    def _send(self, signal: Any) -> None:
        try:
            recipe = self.recipe()
            require_datasets(recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self.preflight.forget()  # the worker that trains needs the processor more
        signal.emit(recipe)

    def _connect(self) -> None:
        page = self._page
        page.start_requested.connect(self.start)
        page.queue_requested.connect(self._on_queue_requested)
        page.form.preset_chosen.connect(self._use_preset)
        page.form.changed.connect(self.judge)
        page.sources.train.currentIndexChanged.connect(self._on_train_chosen)
        page.sources.changed.connect(self.judge)
        page.sources.base_folder_requested.connect(self._on_base_folder_requested)
        page.sources.train_file_requested.connect(partial(self._choose_file, is_validation=False))
        page.sources.validation_file_requested.connect(partial(self._choose_file, is_validation=True))
        page.preflight.row_requested.connect(self._on_row_requested)
        self.engine.changed.connect(self.judge)
        self.preflight.asked.connect(page.preflight.show_checking)
        self.preflight.answered.connect(self._on_preflight_answered)
        self.preflight.failed.connect(page.preflight.show_failure)

    @Slot(str)
    def _use_preset(self, name: str) -> None:
        """Everything as the preset says; data and a name of one's own stay."""
        self.preset = name
        found = preset(name, train_data=_UNSAID)
        values = values_of(found)
        self._foreign = ""
        self._page.form.show_values(name, values, values)
        self._page.sources.show_base(found.base)
        self._page.sources.title_edit.setText(found.title)
        self.judge()

    def _on_offers(self, offers: Offers) -> None:
        self._page.sources.show_choices(offers.bases, offers.datasets)
        self.judge()

    @Slot(int)
    def _on_train_chosen(self, _line: int) -> None:
        """A file that was split names its other half: `rows.train.jsonl` goes with `rows.validation.jsonl`."""
        sources = self._page.sources
        path = Path(sources.train_value)
        if ".train." in path.name and not sources.validation_value:
            sources.validation.choose(str(path.with_name(path.name.replace(".train.", ".validation."))))

    def _refuse(self, sentence: str) -> None:
        self._page.allow_start(sentence)
        self.preflight.forget()
        self._page.preflight.show_nothing("")

    @Slot(object, object)
    def _on_preflight_answered(self, recipe: TrainRecipe, report: PreflightReport) -> None:
        """What a look found: shown, and where something stands against the training it does not start."""
        blocker = report.blocker
        self._blocker = (recipe, blocker.text) if blocker is not None else None
        self._page.preflight.show_report(report)
        self.judge()

    @Slot(object, int)
    def _on_row_requested(self, path: Path, line: int) -> None:
        self._context.go("data", OpenDataset(path=path, line=line))

    def _choose_file(self, *, is_validation: bool) -> None:
        folder = str(self._context.workspace.datasets)
        dialog = QFileDialog(self._page, "Choose data", folder, "JSONL files (*.jsonl);;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(partial(self._on_file_selected, is_validation=is_validation))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_file_selected(self, name: str, *, is_validation: bool) -> None:
        self._page.sources.show_dataset(Path(name), is_validation=is_validation)

    @Slot()
    def _on_base_folder_requested(self) -> None:
        dialog = QFileDialog(self._page, "Choose the folder of a base model", str(self._context.workspace.models))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._page.sources.show_base)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()


def _batches_in_words(recipe: TrainRecipe) -> str:
    rows = recipe.batch_size * recipe.gradient_accumulation
    what = count_in_words(rows, "pack" if recipe.packing else "sample")
    length = f" of {recipe.max_seq_length} tokens" if recipe.packing else ""
    return f"{what}{length} per step ({recipe.batch_size} × {recipe.gradient_accumulation})."
