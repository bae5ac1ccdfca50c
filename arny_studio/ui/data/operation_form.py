"""The arguments of a bulk operation as a form, read from the operation's own fields."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect as kinds
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFormLayout, QLineEdit, QWidget

from arny_studio.contract import Contract
from arny_studio.dataset.bulk import Operation
from arny_studio.dataset.samples import ROLES
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.text import as_tooltip, label

_FIELD_NAMES = frozenset({"field", "to"})
_TITLES = {"is_regex": "Regular expression", "ignores_case": "Ignore case", "near": "Near duplicates too"}


class OperationForm(QWidget):
    """One input per field of an operation. `arguments` are its values as texts, as a recipe carries them."""

    changed = Signal()

    def __init__(self, operation: type[Operation], contract: Contract) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._contract = contract
        self._inputs: dict[str, QWidget] = {}
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(space("m"))
        form.setVerticalSpacing(space("s"))
        info = kinds.type_info(operation)
        assert isinstance(info, kinds.StructType)
        for field in info.fields:
            about, kind = _described(field.type)
            made = self._input(field.name, kind, field.default)
            made.setToolTip(as_tooltip(about))
            made.setAccessibleName(_title(field.name))
            self._inputs[field.name] = made
            form.addRow("" if isinstance(made, QCheckBox) else _title(field.name), made)
        if not info.fields:
            form.addRow(label("This operation has no settings.", "muted"))

    @property
    def arguments(self) -> dict[str, str]:
        """The values as texts."""
        return {name: _value(made) for name, made in self._inputs.items()}

    def input(self, name: str) -> QWidget:
        """The input of a field."""
        return self._inputs[name]

    def focus(self) -> None:
        """Put the keyboard into the first input."""
        for made in self._inputs.values():
            made.setFocus()
            return

    def _input(self, name: str, kind: kinds.Type, default: Any) -> QWidget:
        if isinstance(kind, kinds.BoolType):
            return self._check(name, default is True)
        if isinstance(kind, kinds.LiteralType):
            return self._choice([str(value) for value in kind.values], str(default), is_open=False)
        if name == "scope":
            return self._choice(["all", *ROLES, *self._contract.fields], "all", is_open=True)
        if name in _FIELD_NAMES:
            return self._choice(list(self._contract.fields), "", is_open=True)
        edit = QLineEdit("" if default is msgspec.NODEFAULT else str(default))
        edit.textChanged.connect(self.changed)
        return edit

    def _check(self, name: str, is_on: bool) -> QCheckBox:
        made = QCheckBox(_title(name))
        made.setChecked(is_on)
        made.toggled.connect(self.changed)
        return made

    def _choice(self, values: list[str], chosen: str, *, is_open: bool) -> Choice:
        made = Choice()
        made.setEditable(is_open)
        for value in values:
            made.addItem(value.replace("_", " ") if not is_open else value, value)
        if is_open:
            made.setEditText(chosen)
        else:
            made.choose(chosen)
        made.currentTextChanged.connect(self.changed)
        return made


def _described(kind: kinds.Type) -> tuple[str, kinds.Type]:
    if isinstance(kind, kinds.Metadata):
        return (kind.extra_json_schema or {}).get("description", ""), kind.type
    return "", kind


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " ").capitalize())


def _value(made: QWidget) -> str:
    if isinstance(made, QCheckBox):
        return "true" if made.isChecked() else "false"
    if isinstance(made, Choice):
        return made.currentText().strip() if made.isEditable() else str(made.currentData())
    assert isinstance(made, QLineEdit)
    return made.text()
