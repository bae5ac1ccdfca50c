"""The widgets of a decision's form: one per kind of field, all with `show_value` and `edited`."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

from PySide6.QtCore import QRectF, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QWidget,
)

from arny_studio.ui.data.form_fields import FormField
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.document_keys import undo_belongs_to_document
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.growing_text import GrowingText
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import clear, column, holder, row
from arny_studio.ui.widgets.text import as_tooltip, button, label, set_property

_NOTCHES = 100  # of the slider of a number that is not whole


class FieldWidget(QWidget):
    """The widget of one field. `edited` carries the new value and comes from the user alone."""

    edited = Signal(object)

    def __init__(self, field: FormField) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.field = field

    def show_value(self, value: Any) -> None:
        """Show a value that `field.fits`; says nothing."""
        raise NotImplementedError


class ChoiceWidget(FieldWidget):
    """One of several names, or none."""

    def __init__(self, field: FormField) -> None:
        super().__init__(field)
        self.box = Choice(field.title)
        entries: list[tuple[str, object]] = [("none", None)] if field.is_nullable else []
        self.box.show_choices([*entries, *((name, name) for name in field.choices)])
        self.box.activated.connect(self._on_activated)
        self.setLayout(row(self.box))

    def show_value(self, value: Any) -> None:
        """Select the entry."""
        self.box.choose(value)

    @Slot()
    def _on_activated(self, *_: object) -> None:
        self.edited.emit(self.box.currentData())


class FlagWidget(FieldWidget):
    """Yes or no."""

    def __init__(self, field: FormField) -> None:
        super().__init__(field)
        self.box = QCheckBox("no")
        self.box.setAccessibleName(field.title)
        self.box.clicked.connect(self._on_clicked)
        self.setLayout(row(self.box, 1))

    def show_value(self, value: Any) -> None:
        """Tick or clear."""
        self.box.setChecked(bool(value))
        self.box.setText("yes" if value else "no")

    @Slot(bool)
    def _on_clicked(self, is_checked: bool) -> None:
        self.box.setText("yes" if is_checked else "no")
        self.edited.emit(is_checked)


class LimitSlider(QSlider):
    """A slider that marks the limit and leaves the wheel to the page."""

    def __init__(self, theme: ThemeSwitcher, limit: float | None) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._theme = theme
        self._limit = limit
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(24)

    def limit_px(self) -> float | None:
        """Where the limit lies, in pixels from the left; None without one."""
        if self._limit is None:
            return None
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        share = (self._limit - self.minimum()) / max(1, self.maximum() - self.minimum())
        return handle.width() / 2 + share * (self.width() - handle.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The slider, and the limit as a tick through it."""
        super().paintEvent(event)
        at = self.limit_px()
        if at is None:
            return
        painter = QPainter(self)
        painter.fillRect(QRectF(at - 1, self.height() / 2 - 9, 2, 18), self._theme.color("text"))
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()


class Figure(QDoubleSpinBox):
    """A number without needless zeros that leaves the wheel to the page."""

    def textFromValue(self, value: float, /) -> str:
        """`0.9` rather than `0.900000`."""
        return f"{value:g}"

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()


class ScoreWidget(FieldWidget):
    """A number between bounds: slider and figure, the limit marked and said."""

    def __init__(self, field: FormField, theme: ThemeSwitcher) -> None:
        super().__init__(field)
        self._notches = int(field.most - field.least) if field.is_integer else _NOTCHES
        self.slider = LimitSlider(theme, None if field.limit is None else self._notch(field.limit))
        self.slider.setRange(0, self._notches)
        self.slider.setAccessibleName(f"{field.title}, slider")
        self.figure = Figure()
        self.figure.setRange(field.least, field.most)
        self.figure.setDecimals(0 if field.is_integer else 6)
        self.figure.setSingleStep(1 if field.is_integer else 0.05)
        self.figure.setAccessibleName(field.title)
        self.figure.setFixedWidth(76)
        if field.limit is not None:
            self.slider.setToolTip(as_tooltip(f"The mark is the limit: {field.limit:g}"))
        undo_belongs_to_document(self.figure)
        self.setLayout(row(self.figure, self.slider))
        self.slider.valueChanged.connect(self._on_slid)
        self.figure.valueChanged.connect(self._on_figure_changed)

    def show_value(self, value: Any) -> None:
        """Put slider and figure there, unless the figure is being typed and means the same."""
        with QSignalBlocker(self.slider), QSignalBlocker(self.figure):
            self.slider.setValue(self._notch(value))
            if not math.isclose(self.figure.value(), value, abs_tol=1e-9):
                self.figure.setValue(value)

    def _notch(self, value: float) -> int:
        field = self.field
        return round((value - field.least) / max(1e-9, field.most - field.least) * self._notches)

    @Slot(int)
    def _on_slid(self, notch: int) -> None:
        field = self.field
        self.figure.setValue(round(field.least + (field.most - field.least) * notch / self._notches, 6))

    @Slot(float)
    def _on_figure_changed(self, value: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._notch(value))
        self.edited.emit(int(value) if self.field.is_integer else round(value, 6))


class TextWidget(FieldWidget):
    """A text; where it may be null, a button adds it and a cross takes it away."""

    def __init__(self, field: FormField, theme: ThemeSwitcher) -> None:
        super().__init__(field)
        self.edit = GrowingText(field.title)
        self.add = button("none  ·  add text", "quiet")
        self.add.setAccessibleName(f"Add {field.title}")
        self.clear_button = QToolButton()
        self.clear_button.setAccessibleName(f"Set {field.title} to none")
        self.clear_button.setToolTip(as_tooltip(f"Set {field.title} to none"))
        theme.dress(self.clear_button, "close", "text_muted")
        line = row(self.edit, self.clear_button, gap="xs")
        line.setAlignment(self.clear_button, Qt.AlignmentFlag.AlignTop)
        self._page = holder(line)
        self._add_page = holder(row(self.add, 1))
        self.setLayout(column(self._page, self._add_page, gap="xs"))
        self.edit.edited.connect(self._on_edited)
        self.add.clicked.connect(self._on_add_clicked)
        self.clear_button.clicked.connect(self._on_clear_clicked)

    def show_value(self, value: Any) -> None:
        """Show the text, or that there is none."""
        is_none = value is None
        self._page.setVisible(not is_none)
        self._add_page.setVisible(is_none)
        self.clear_button.setVisible(self.field.is_nullable)
        self.edit.show_text(value or "")

    @Slot(str)
    def _on_edited(self, text: str) -> None:
        self.edited.emit(text)

    @Slot()
    def _on_add_clicked(self) -> None:
        self.show_value("")
        self.edit.setFocus()
        self.edited.emit("")

    @Slot()
    def _on_clear_clicked(self) -> None:
        self.show_value(None)
        self.add.setFocus()
        self.edited.emit(None)


class ListWidget(FieldWidget):
    """A list of texts as chips; a click takes one away, the box at the end adds one."""

    def __init__(self, field: FormField, theme: ThemeSwitcher) -> None:
        super().__init__(field)
        self._theme = theme
        self._items: tuple[str, ...] | None = None
        self._chips = FlowLayout()
        self._chips_page = holder(self._chips)
        self.box = Choice(f"Add to {field.title}")
        self.box.setEditable(not field.choices)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Add…")
        self.line.setAccessibleName(f"Add to {field.title}")
        undo_belongs_to_document(self.line)
        (self.line if field.choices else self.box).hide()
        self.box.activated.connect(self._on_chosen)
        self.line.returnPressed.connect(self._on_returned)
        self.setLayout(column(self._chips_page, self.box, self.line, gap="xs"))

    def show_value(self, value: Any) -> None:
        """Make the chips anew where they differ."""
        items = tuple(value or ())
        if items == self._items:
            return
        self._items = items
        clear(self._chips)
        for number, item in enumerate(items):
            self._chips.addWidget(self._chip(number, item))
        self._chips_page.setVisible(bool(items))
        if self.field.choices:
            others = [(name, name) for name in self.field.choices if name not in items]
            self.box.show_choices([("Add…", ""), *others])
            self.box.setCurrentIndex(0)
        is_full = len(items) >= self.field.most_items
        self.box.setEnabled(not is_full)
        self.line.setEnabled(not is_full)
        self._chips_page.updateGeometry()

    def _chip(self, number: int, item: str) -> QToolButton:
        made = QToolButton()
        made.setText(item[:80].replace("&", "&&"))
        made.setProperty("look", "chip")
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        made.setToolTip(as_tooltip(f"Take {item} away"))
        made.setAccessibleName(f"Take {item[:80]} away")
        self._theme.dress(made, "close", "accent_text")
        made.clicked.connect(partial(self._take_away, number))
        return made

    def _take_away(self, number: int, *_: object) -> None:
        items = list(self._items or ())
        del items[number]
        self._say(items)

    @Slot()
    def _on_chosen(self, *_: object) -> None:
        if self.box.currentData():
            self._say([*(self._items or ()), self.box.currentData()])

    @Slot()
    def _on_returned(self) -> None:
        text = self.line.text().strip()
        if text:
            self.line.clear()
            self._say([*(self._items or ()), text])

    def _say(self, items: list[str]) -> None:
        self.show_value(items)
        self.edited.emit(items)


class JsonWidget(FieldWidget):
    """Any value as JSON; says so while the text is none."""

    def __init__(self, field: FormField) -> None:
        super().__init__(field)
        self.edit = GrowingText(field.title, is_code=True)
        self._note = label("This is not JSON yet.", "danger")
        self._note.hide()
        self._value: Any = None
        self.setLayout(column(self.edit, self._note, gap="xs"))
        self.edit.edited.connect(self._on_edited)

    def show_value(self, value: Any) -> None:
        """Show it, unless what is typed means the same."""
        known, typed = _parsed(self.edit.text)
        if not known or typed != value or type(typed) is not type(value):
            self.edit.show_text(json.dumps(value, ensure_ascii=False))
        self._say_whether_valid(True)

    @Slot(str)
    def _on_edited(self, text: str) -> None:
        is_json, value = _parsed(text)
        self._say_whether_valid(is_json)
        if is_json:
            self.edited.emit(value)

    def _say_whether_valid(self, is_valid: bool) -> None:
        self._note.setVisible(not is_valid)
        set_property(self.edit, "invalid", "" if is_valid else "true")


def make_field_widget(field: FormField, theme: ThemeSwitcher, value: Any) -> FieldWidget:
    """The widget for a field as it stands: its own where the value fits, else the one for any JSON."""
    if not field.fits(value):
        return JsonWidget(field)
    match field.kind:
        case "choice":
            return ChoiceWidget(field)
        case "flag":
            return FlagWidget(field)
        case "score":
            return ScoreWidget(field, theme)
        case "text":
            return TextWidget(field, theme)
        case "list":
            return ListWidget(field, theme)
    return JsonWidget(field)


def _parsed(text: str) -> tuple[bool, Any]:
    try:
        return True, json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False, None


def _refuse(name: str) -> None:
    raise ValueError(name)
