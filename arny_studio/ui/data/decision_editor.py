"""The assistant's decision to edit: a form made from the contract, and the same text as JSON, always in step.

The text is the truth: a form edit changes that field's value inside the text and leaves every other character alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.contract.json_text import field_spans, with_field, without_field
from arny_studio.ui.data.field_widgets import FieldWidget, make_field_widget
from arny_studio.ui.data.form_fields import FormField, form_fields
from arny_studio.ui.data.inline_problem import InlineProblem, ShownProblem
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.growing_text import GrowingText
from arny_studio.ui.widgets.layout import clear, column, holder, row, space
from arny_studio.ui.widgets.text import as_tooltip, button, label

FORM, JSON = 0, 1
_TITLE_PX = 132


class DecisionEditor(QWidget):
    """Form and JSON of one answer. `edited` carries the whole new text."""

    edited = Signal(str)
    fix_requested = Signal(object)  # ShownProblem

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._order = contract.fields
        self._text = ""
        self._rows = {field.name: FieldRow(field, theme) for field in form_fields(contract)}
        self._extras: dict[str, FieldRow] = {}
        self._build()

    def show_text(self, text: str, problems: Sequence[ShownProblem] = ()) -> None:
        """Show an answer and what is wrong with it. A text that is no JSON object is shown on the JSON page alone."""
        self._text = text
        self.json.show_text(text)
        value = _object_in(text)
        self._form_button.setEnabled(value is not None)
        reason = "" if value is not None else "The text is no JSON object; mend it here first."
        self._form_button.setToolTip(as_tooltip(reason))
        self._show_page(FORM if value is not None and self._wanted == FORM else JSON)
        self._show_problems(problems, value)
        if value is not None:
            self._show_value(value)

    def prepare(self) -> None:
        """Make the widgets that a usual decision needs ahead of the first one."""
        for entry in self._rows.values():
            entry.prepare()

    @property
    def page(self) -> int:
        """FORM or JSON, whichever is in front."""
        return FORM if self._form_page.isVisibleTo(self) else JSON

    def field_widget(self, name: str) -> FieldWidget | None:
        """The widget of a field, None where the decision lacks it."""
        entry = self._rows.get(name) or self._extras.get(name)
        return entry.widget if entry is not None else None

    def focus_first(self) -> None:
        """Put the keyboard into the first field, or into the JSON."""
        first = next((entry.widget for entry in self._rows.values() if entry.widget is not None), None)
        target: QWidget = self.json
        if self.page == FORM and first is not None:
            target = next((w for w in first.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus), first)
        target.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _build(self) -> None:
        self._wanted = FORM
        self._switches = QButtonGroup(self)
        self._form_button, self._json_button = (
            self._switch(number, text) for number, text in ((FORM, "Form"), (JSON, "JSON"))
        )
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(space("m"))
        self._grid.setVerticalSpacing(space("s"))
        self._grid.setColumnMinimumWidth(0, _TITLE_PX)
        self._grid.setColumnStretch(1, 1)
        for line, entry in enumerate(self._rows.values()):
            self._place(entry, line)
        self._extra_grid = QVBoxLayout()
        self._extra_grid.setSpacing(space("s"))
        self._form_page = holder(column(self._grid, self._extra_grid, gap="s"))
        self.json = GrowingText("Decision as JSON", is_code=True, least_lines=3)
        self._json_page = holder(column(self.json))
        self._problems = QVBoxLayout()
        self._problems.setSpacing(space("xs"))
        switches = row(self._form_button, self._json_button, 1, gap="xs")
        self.setLayout(column(switches, self._problems, self._form_page, self._json_page, gap="s"))
        self._form_button.setChecked(True)
        self._switches.idClicked.connect(self._on_switched)
        self.json.edited.connect(self._on_json_edited)
        self._show_page(FORM)

    def _place(self, entry: FieldRow, line: int) -> None:
        self._grid.addWidget(entry.title, line, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(entry, line, 1)
        self._listen(entry)

    def _listen(self, entry: FieldRow) -> None:
        entry.edited.connect(self._on_field_edited)
        entry.removed.connect(self._on_field_removed)
        entry.fix_requested.connect(self.fix_requested)

    def _switch(self, number: int, text: str) -> QPushButton:
        made = button(text, "quiet")
        made.setCheckable(True)
        self._switches.addButton(made, number)
        return made

    @Slot(int)
    def _on_switched(self, number: int) -> None:
        self._wanted = number
        self._show_page(number)

    def _show_page(self, number: int) -> None:
        self._switches.button(number).setChecked(True)
        self._form_page.setVisible(number == FORM)
        self._json_page.setVisible(number == JSON)

    def _show_value(self, value: dict[str, Any]) -> None:
        for name, entry in self._rows.items():
            entry.show_value(name in value, value.get(name))
        unknown = [name for name in value if name not in self._rows]
        if unknown != list(self._extras):
            self._make_extras(unknown)
        for name, entry in self._extras.items():
            entry.show_value(True, value[name])

    def _make_extras(self, names: list[str]) -> None:
        clear(self._extra_grid)
        self._extras = {
            name: FieldRow(FormField(name=name, kind="json"), self._theme, is_known=False) for name in names
        }
        for entry in self._extras.values():
            line = row(entry.title, gap="m")
            line.addWidget(entry, 1)
            entry.title.setMinimumWidth(_TITLE_PX)
            self._extra_grid.addWidget(holder(line))
            self._listen(entry)

    def _show_problems(self, problems: Sequence[ShownProblem], value: Mapping[str, Any] | None) -> None:
        """Each at its field; on the JSON page, and where it is about no field in particular, above."""
        fields = [*self._rows, *(name for name in value or () if name not in self._rows)]
        for name, entry in {**self._rows, **self._extras}.items():
            entry.show_problems([problem for problem in problems if problem.field == name])
        general = [problem for problem in problems if problem.field not in fields or self.page == JSON]
        clear(self._problems)
        for problem in general:
            shown = InlineProblem(problem)
            shown.fix_requested.connect(self.fix_requested)
            self._problems.addWidget(shown)

    @Slot(str, object)
    def _on_field_edited(self, name: str, value: object) -> None:
        self._change(lambda text: with_field(text, name, value, self._order))

    @Slot(str)
    def _on_field_removed(self, name: str) -> None:
        self._change(lambda text: without_field(text, name))

    def _change(self, change: Callable[[str], str]) -> None:
        self._text = change(self._text)
        self.json.show_text(self._text)
        self.edited.emit(self._text)

    @Slot(str)
    def _on_json_edited(self, text: str) -> None:
        self._text = text
        self.edited.emit(text)


class FieldRow(QWidget):
    """One field: its widget, or the offer to add it where the decision lacks it; below, what is wrong with it."""

    edited = Signal(str, object)  # field name, new value
    removed = Signal(str)
    fix_requested = Signal(object)  # ShownProblem

    def __init__(self, field: FormField, theme: ThemeSwitcher, *, is_known: bool = True) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.field = field
        self.widget: FieldWidget | None = None
        self.title = label(field.title, "muted", wraps=True)
        self.title.setToolTip(as_tooltip(field.help))
        self.title.setContentsMargins(0, space("s"), 0, 0)
        self._theme = theme
        self._place = QVBoxLayout()
        self._add = button("missing  ·  add it", "quiet")
        self._add.setAccessibleName(f"Add the field {field.title}")
        self._remove = QToolButton()
        self._remove.setAccessibleName(f"Remove the field {field.title}")
        self._remove.setToolTip(as_tooltip("The contract has no such field. Remove it."))
        theme.dress(self._remove, "trash", "text_muted")
        self._remove.setVisible(not is_known)
        self._problems = QVBoxLayout()
        self._problems.setSpacing(space("xs"))
        self._add_row = holder(row(self._add, 1))
        line = row(gap="xs")
        line.addLayout(self._place, 1)
        line.addWidget(self._remove, 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(column(line, self._add_row, self._problems, gap="xs"))
        self._add.clicked.connect(self._on_add_clicked)
        self._remove.clicked.connect(self._on_remove_clicked)

    def show_value(self, is_present: bool, value: Any) -> None:
        """Show the value, or that there is none."""
        self._add_row.setVisible(not is_present)
        if not is_present:
            self._drop_widget()
            return
        if self.widget is None or not self._is_suitable(self.widget, value):
            self._make_widget(value)
        assert self.widget is not None
        self.widget.show_value(value)

    def prepare(self) -> None:
        """Make the widget ahead of the first value."""
        if self.widget is None:
            self._make_widget(self.field.start)
            assert self.widget is not None
            self.widget.ensurePolished()

    def show_problems(self, problems: Sequence[ShownProblem]) -> None:
        """Replace what is said below the widget."""
        clear(self._problems)
        for problem in problems:
            shown = InlineProblem(problem)
            shown.fix_requested.connect(self.fix_requested)
            self._problems.addWidget(shown)

    def _is_suitable(self, widget: FieldWidget, value: Any) -> bool:
        """A widget of its own shows what fits; the one for any JSON stays while it has the focus."""
        if self.field.kind == "json" or self.field.fits(value) == (type(widget).__name__ != "JsonWidget"):
            return True
        return type(widget).__name__ == "JsonWidget" and widget.isAncestorOf(_focused(widget))

    def _make_widget(self, value: Any) -> None:
        self._drop_widget()
        self.widget = make_field_widget(self.field, self._theme, value)
        self.widget.edited.connect(self._on_edited)
        self._place.addWidget(self.widget)

    def _drop_widget(self) -> None:
        if self.widget is not None:
            self._place.removeWidget(self.widget)
            self.widget.hide()
            self.widget.deleteLater()
            self.widget = None

    @Slot(object)
    def _on_edited(self, value: object) -> None:
        self.edited.emit(self.field.name, value)

    @Slot()
    def _on_add_clicked(self) -> None:
        self.edited.emit(self.field.name, self.field.start)

    @Slot()
    def _on_remove_clicked(self) -> None:
        self.removed.emit(self.field.name)


def _focused(widget: QWidget) -> QWidget:
    return widget.focusWidget() or widget


def _object_in(text: str) -> dict[str, Any] | None:
    """The object that a text holds, and that can be edited field by field; else None."""
    try:
        field_spans(text)
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
