"""The settings of a training: a preset, the fields that matter first, the others folded away."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from arny_studio.recipe.presets import Preset
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.field_editors import FieldEditor
from arny_studio.ui.train.recipe_fields import MAIN_FIELDS, advanced_groups, fields_of
from arny_studio.ui.widgets.card import Card, rule
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, holder, row
from arny_studio.ui.widgets.text import button, label
from arny_studio.ui.wording import count_in_words


class RecipeForm(Card):
    """Shows values against a preset's; says when one changes or another preset is wanted."""

    preset_chosen = Signal(str)
    changed = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__("Settings")
        self._theme = theme
        self.preset = Choice("Preset")
        self._about = label(role="muted", wraps=True)
        specs = fields_of()
        names = (*MAIN_FIELDS, *(name for _, group in advanced_groups() for name in group))
        self.editors = {name: FieldEditor(specs[name], theme) for name in names}
        self._fold = button("Advanced", "quiet")
        self._fold.setCheckable(True)
        self._fold.setIconSize(QSize(14, 14))
        self._advanced = self._build_advanced()
        self._changes = label(role="caption")
        preset_name = label("Preset", "lead")
        preset_name.setFixedWidth(80)
        self.add(row(preset_name, self.preset, gap="m"))
        self.add(self._about)
        self.add(rule())
        for name in MAIN_FIELDS:
            self.add(self.editors[name])
        self.add(row(self._fold, 1, self._changes))
        self.add(self._advanced)
        self.body.addStretch(1)
        for editor in self.editors.values():
            editor.changed.connect(self._on_changed)
        self._fold.toggled.connect(self._on_fold_toggled)
        self.preset.currentIndexChanged.connect(self._on_preset_changed)
        self._on_fold_toggled(False)

    def show_presets(self, presets: list[Preset]) -> None:
        """Fill the list of presets."""
        self._presets = {preset.id: preset for preset in presets}
        blocked = self.preset.blockSignals(True)
        self.preset.clear()
        for preset in presets:
            self.preset.addItem(preset.title, preset.id)
        self.preset.blockSignals(blocked)

    def show_values(self, preset: str, values: dict[str, Any], baseline: dict[str, Any]) -> None:
        """Show a recipe's values against those of a preset."""
        blocked = self.preset.blockSignals(True)
        self.preset.choose(preset)
        self.preset.blockSignals(blocked)
        self._about.setText(self._presets[preset].description if preset in self._presets else "")
        for name, editor in self.editors.items():
            editor.show_value(values[name], baseline=baseline[name])
        self._count_changes()

    @property
    def values(self) -> dict[str, Any]:
        """What stands in the form, by field."""
        return {name: editor.value for name, editor in self.editors.items()}

    @property
    def problem(self) -> str:
        """The first reason why this cannot be trained; empty where there is none."""
        return next((problem for editor in self.editors.values() if (problem := editor.problem)), "")

    @property
    def changed_fields(self) -> tuple[str, ...]:
        """The fields that are not the preset's."""
        return tuple(name for name, editor in self.editors.items() if editor.is_changed)

    def show_objections(self, sentences: dict[str, str]) -> None:
        """Say at each field what does not go together; a folded field that is meant is unfolded."""
        for name, editor in self.editors.items():
            editor.object_to(sentences.get(name, ""))
        if any(name not in MAIN_FIELDS for name in sentences):
            self._fold.setChecked(True)

    def _build_advanced(self) -> QWidget:
        layout = column(gap="m")
        for title, names in advanced_groups():
            layout.addWidget(label(title, "overline"))
            for name in names:
                layout.addWidget(self.editors[name])
        return holder(layout)

    @Slot()
    def _on_changed(self) -> None:
        self._count_changes()
        self.changed.emit()

    @Slot(bool)
    def _on_fold_toggled(self, is_open: bool) -> None:
        self._advanced.setVisible(is_open)
        self._theme.dress(self._fold, "chevron-down" if is_open else "chevron-right", "accent_text")
        self._fold.setLayoutDirection(Qt.LayoutDirection.LeftToRight)

    @Slot(int)
    def _on_preset_changed(self, _line: int) -> None:
        self.preset_chosen.emit(self.preset.currentData())

    def _count_changes(self) -> None:
        changed = len(self.changed_fields)
        self._changes.setText(f"{count_in_words(changed, 'change')} to the preset" if changed else "As the preset says")
