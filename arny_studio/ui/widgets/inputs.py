"""Inputs that a scrolling page does not change by accident."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QSpinBox, QStyle, QStyleOptionComboBox

from arny_studio.ui.widgets.text import plain_tooltip

_COMBO = QStyle.ComplexControl.CC_ComboBox


class CalmComboBox(QComboBox):
    """A combo box that leaves the wheel to the page, and says with an ellipsis that its entry does not fit."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        """Elide what does not fit; Qt cuts it off in the middle of a letter."""
        super().initStyleOption(option)
        style = self.style()
        field = style.subControlRect(_COMBO, option, QStyle.SubControl.SC_ComboBoxEditField, self)
        room = field.width() - 2
        option.currentText = self.fontMetrics().elidedText(option.currentText, Qt.TextElideMode.ElideRight, room)  # pyright: ignore[reportAttributeAccessIssue]


class Choice(CalmComboBox):
    """A combo box of entries with data, which may be narrower than its longest entry."""

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def choose(self, value: object) -> bool:
        """Select the entry with this data; False where there is none."""
        for line in range(self.count()):
            if self.itemData(line) == value:
                self.setCurrentIndex(line)
                return True
        return False

    def show_choices(self, choices: list[tuple[str, object]]) -> None:
        """Replace the entries (title, data); what was chosen stays chosen where it is still there."""
        was = self.currentData()
        blocked = self.blockSignals(True)
        self.clear()
        for title, value in choices:
            self.addItem(title, value)
        if not self.choose(was) and choices:
            self.setCurrentIndex(0)
        self.blockSignals(blocked)
        if self.currentData() != was:
            self.currentIndexChanged.emit(self.currentIndex())
        self.tell_whole()

    def tell_whole(self) -> None:
        """Put the whole value into the tooltip, since the entry may be elided."""
        value = self.currentData()
        plain_tooltip(self, str(value) if value else "")


class Number(QSpinBox):
    """A whole number that leaves the wheel to the page."""

    def __init__(self, least: int, most: int, value: int = 0) -> None:
        super().__init__()
        self.setRange(least, most)
        self.setGroupSeparatorShown(True)
        self.setValue(value)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page instead."""
        event.ignore()
