"""Files that are no list of conversations: shown, converted into a new file, opened."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from arny_studio.dataset.formats import SHAPES
from arny_studio.errors import ArnyError
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import DataRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.data.import_dialog import ConvertedRow, ImportDialog
from arny_studio.ui.data.tab import DataTab
from arny_studio.ui.tab import TabContext


class Importing(QObject):
    """Between the import dialog and the data worker."""

    opened = Signal(object)  # Path of the converted file

    def __init__(self, tab: DataTab, context: TabContext, background: Background) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._background = background
        self.dialog: ImportDialog | None = None

    def offer(self, source: Path) -> None:
        """Show what a file is and what its first rows become."""
        choices = [(shape.title, shape.id) for shape in SHAPES]
        dialog = ImportDialog(source, self._context.workspace.datasets, choices, self._tab)
        dialog.import_requested.connect(partial(self._on_import_requested, source))
        dialog.format_chosen.connect(partial(self._look, source, dialog))
        dialog.finished.connect(dialog.deleteLater)
        self.dialog = dialog
        dialog.open()
        self._look(source, dialog, "")

    def _look(self, source: Path, dialog: ImportDialog, format: str) -> None:
        recipe = DataRecipe(task="preview", path=str(source), format=format, title=f"Look at {source.name}")
        try:
            job = self._context.jobs.start("data", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        job.is_quiet = True
        job.ended.connect(lambda outcome: self._on_looked(dialog, job.state.results.get("preview"), outcome))

    def _on_looked(self, dialog: ImportDialog, found: dict[str, Any] | None, outcome: Outcome) -> None:
        if dialog is not self.dialog:
            return
        if found is None:
            dialog.show_detected("", f"{outcome.sentence} {outcome.hint}".strip())
            return
        dialog.show_detected(str(found.get("format", "")), str(found.get("sentence", "")))
        dialog.show_rows([_converted(item) for item in found.get("rows", [])])

    def _on_import_requested(self, source: Path, format: str, target: Path) -> None:
        recipe = DataRecipe(
            task="import", path=str(source), format=format, out=str(target), title=f"Import {source.name}"
        )
        try:
            job = self._context.jobs.start("data", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        job.is_quiet = True
        job.ended.connect(partial(self._on_imported, target))

    def _on_imported(self, target: Path, outcome: Outcome) -> None:
        if outcome.is_success:
            self._context.messages.show_message("success", outcome.sentence)
            self.opened.emit(target)


def _converted(item: dict[str, Any]) -> ConvertedRow:
    row = item.get("row")
    return ConvertedRow(
        line=int(item.get("line", 0)),
        source=str(item.get("source", "")),
        converted="" if row is None else msgspec.json.encode(row).decode(),
        problem=str(item.get("problem") or ""),
    )
