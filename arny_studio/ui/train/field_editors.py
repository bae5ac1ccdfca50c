"""One editor per kind of recipe field, all with the same face: `value`, `show_value`, `problem`, `changed`."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QWidget

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.recipe_fields import FieldSpec
from arny_studio.ui.widgets.inputs import Choice, Number
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import button, label, plain_tooltip, set_property

_LABEL_PX = 142


class FieldEditor(QWidget):
    """Name, input, help and bounds; a dot and a way back where the value is not the preset's."""

    changed = Signal()

    def __init__(self, spec: FieldSpec, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.spec = spec
        self._baseline: Any = None
        self._objection = ""
        self._input = _input_for(spec)
        self._input.setAccessibleName(spec.title)
        self._dot = label("", "warning")
        self._dot.setFixedWidth(14)
        self._name = label(spec.title, "body")
        self._reset = button("", "quiet")
        self._reset.setFixedSize(28, 28)
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(policy)
        self._reset.setAccessibleName(f"Reset {spec.title}")
        theme.dress(self._reset, "reset", "accent_text")
        self._note = label(_note(spec), "caption", wraps=True)
        head = QHBoxLayout()
        head.setSpacing(space("xs"))
        self._name.setFixedWidth(_LABEL_PX)
        for part in (self._dot, self._name):
            head.addWidget(part)
        head.addWidget(self._input, 1)
        head.addWidget(self._reset)
        note = row(self._note)
        note.setContentsMargins(14 + _LABEL_PX + 2 * space("xs"), 0, 0, 0)
        self.setLayout(column(head, note, gap="xs"))
        self._reset.clicked.connect(self._on_reset_clicked)
        _changed_signal(self._input).connect(self._on_edited)

    @property
    def value(self) -> Any:
        """What stands in the input; a text that is no number stays text, and `problem` says so."""
        return _read(self._input, self.spec)

    @property
    def problem(self) -> str:
        """Why the value cannot be taken, in a sentence; empty where it can."""
        value = self.value
        if self.spec.kind in ("int", "float"):
            if isinstance(value, str):
                return f"{self.spec.title}: {value!r} is not a number."
            return self.spec.problem_of(value)
        return ""

    @property
    def is_changed(self) -> bool:
        """Whether the value differs from the preset's."""
        return self.value != self._baseline

    def show_value(self, value: Any, *, baseline: Any) -> None:
        """Show a value, and what the preset says."""
        self._baseline = baseline
        blocked = self._input.blockSignals(True)
        _write(self._input, self.spec, value)
        self._input.blockSignals(blocked)
        self._mark()

    def object_to(self, sentence: str) -> None:
        """Say why the value does not go with the others; empty: it does."""
        if sentence != self._objection:
            self._objection = sentence
            self._mark()

    @Slot()
    def _on_edited(self) -> None:
        self._mark()
        self.changed.emit()

    @Slot()
    def _on_reset_clicked(self) -> None:
        self.show_value(self._baseline, baseline=self._baseline)
        self.changed.emit()

    def _mark(self) -> None:
        is_changed = self.is_changed
        self._dot.setText("●" if is_changed else "")
        self._reset.setVisible(is_changed)
        plain_tooltip(self._reset, f"Back to the preset's {_shown(self._baseline)}")
        is_wrong = bool(self.problem or self._objection)
        self._note.setText(self._objection or _note(self.spec))
        set_property(self._input, "invalid", "true" if is_wrong else "false")
        set_property(self._note, "role", "danger" if is_wrong else "caption")


def _note(spec: FieldSpec) -> str:
    said = spec.help.removesuffix(".")
    is_plain = spec.bounds in ("", "0 or more")  # the input itself takes nothing below zero
    return said if is_plain else f"{said}  ·  {spec.bounds}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _input_for(spec: FieldSpec) -> QWidget:
    match spec.kind:
        case "bool":
            box = QCheckBox()
            box.setCursor(Qt.CursorShape.PointingHandCursor)
            return box
        case "choice":
            made = Choice(spec.title)
            for choice in spec.choices:
                made.addItem(choice.replace("_", " ") or "none", choice)
            return made
        case "int":
            return Number(*spec.int_range)
        case _:
            return QLineEdit()


def _changed_signal(source: QWidget) -> Any:
    match source:
        case QCheckBox():
            return source.toggled
        case Choice():
            return source.currentIndexChanged
        case Number():
            return source.valueChanged
        case QLineEdit():
            return source.textChanged
    raise AssertionError(source)


def _read(source: QWidget, spec: FieldSpec) -> Any:
    match source:
        case QCheckBox():
            return source.isChecked()
        case Choice():
            return source.currentData()
        case Number():
            return source.value()
        case QLineEdit() if spec.kind == "float":
            return _as_number(source.text())
        case QLineEdit() if spec.kind == "list":
            return tuple(part.strip() for part in source.text().split(",") if part.strip())
        case QLineEdit():
            return source.text().strip()
    raise AssertionError(source)


def _write(target: QWidget, spec: FieldSpec, value: Any) -> None:
    match target:
        case QCheckBox():
            target.setChecked(bool(value))
        case Choice():
            target.choose(value)
        case Number():
            target.setValue(int(value))
        case QLineEdit():
            target.setText(_shown(value))


def _as_number(text: str) -> float | str:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return text
