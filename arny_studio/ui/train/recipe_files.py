"""Recipes in and out of files: our own TOML, and the YAML of TRL, axolotl and LLaMA-Factory."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QMenu

from arny_studio.atomic import write_text_atomically
from arny_studio.errors import ArnyError
from arny_studio.jobs.workspace import slug
from arny_studio.recipe import TrainRecipe, dump_recipe, load_recipe
from arny_studio.recipe.foreign import FLAVOURS, read_foreign, write_foreign
from arny_studio.ui.tab import TabContext
from arny_studio.ui.train.form_controller import FormController

OURS = "toml"
_READABLE = "Recipes (*.toml *.yaml *.yml);;All files (*)"


class RecipeFiles(QObject):
    """Adds its entries to the form's menu, and reads and writes what they ask for."""

    def __init__(self, menu: QMenu, form: FormController, context: TabContext) -> None:
        super().__init__(form)
        self._form, self._context = form, context
        menu.addSeparator()
        menu.addAction("Import recipe…", self._on_import_requested)
        menu.addAction("Save recipe…", partial(self._ask_where, OURS))
        for flavour, title in FLAVOURS.items():
            menu.addAction(f"Export for {title}…", partial(self._ask_where, flavour))

    def read(self, path: Path) -> None:
        """Fill the form from a file; what a foreign recipe says beyond ours is reported and kept."""
        try:
            if path.suffix == ".toml":
                self._form.show_recipe(load_recipe(path, TrainRecipe))
                return
            found = read_foreign(path)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._form.show_recipe(found.recipe)
        self._report(f"{path.name} was read as a recipe of {FLAVOURS[found.flavour]}.", found.notes)

    def write(self, path: Path, flavour: str) -> None:
        """Write what the form stands for."""
        notes: list[str] = []
        try:
            recipe = self._form.recipe()
            text = dump_recipe(recipe)
            if flavour != OURS:
                exported = write_foreign(recipe, flavour)
                text, notes = exported.text, exported.notes
            write_text_atomically(path, text)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._report(f"The recipe is in {path.name}.", notes)

    def _report(self, sentence: str, notes: list[str]) -> None:
        self._context.messages.show_message("warning" if notes else "success", sentence, " ".join(notes))

    @Slot()
    def _on_import_requested(self) -> None:
        dialog = QFileDialog(None, "Import recipe", str(self._folder()), _READABLE)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_read_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_read_chosen(self, name: str) -> None:
        self.read(Path(name))

    def _ask_where(self, flavour: str) -> None:
        try:
            title = self._form.recipe().title
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        ending = OURS if flavour == OURS else "yaml"
        dialog = QFileDialog(None, "Save recipe", str(self._folder() / f"{slug(title) or 'recipe'}.{ending}"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ending)
        dialog.fileSelected.connect(partial(self._on_write_chosen, flavour))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_write_chosen(self, flavour: str, name: str) -> None:
        self.write(Path(name), flavour)

    def _folder(self) -> Path:
        return self._context.workspace.root
