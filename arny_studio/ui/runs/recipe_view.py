"""The locked recipe of a run, as it lies in the run folder: every field, those that are not defaults in bold."""

from __future__ import annotations

from typing import Any

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from arny_studio.recipe import Recipe
from arny_studio.ui.widgets.layout import clear, column, holder, scrolled, space
from arny_studio.ui.widgets.text import label, plain_tooltip


class RecipeView(QWidget):
    """A read-only list of fields and values."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(space("l"))
        self._grid.setVerticalSpacing(space("xs"))
        self._grid.setColumnStretch(1, 1)
        self.setProperty("surface", "clear")
        self.setLayout(column(scrolled(holder(column(self._grid, 1)))))
        self.values: dict[str, str] = {}

    def show_recipe(self, recipe: Recipe | None) -> None:
        """Show a recipe, or nothing."""
        clear(self._grid)
        self.values = {}
        if recipe is None:
            return
        for line, field in enumerate(msgspec.structs.fields(recipe)):
            value = getattr(recipe, field.name)
            self.values[field.name] = in_words(value)
            is_default = not field.required and value == field.default
            name = label(field.name, "muted")
            shown = label(self.values[field.name], "body" if is_default else "lead", wraps=True, selectable=True)
            plain_tooltip(shown, "" if is_default else "Differs from the default.")
            self._grid.addWidget(name, line, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(shown, line, 1)


def in_words(value: Any) -> str:
    """A recipe's value as people write it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case tuple():
            return ", ".join(str(part) for part in value)
        case "":
            return "–"
        case _:
            return str(value)
