"""F1: all shortcuts on one page, made from the registry."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QGridLayout, QWidget

from arny_studio.ui.actions import MENUS, ActionRegistry
from arny_studio.ui.tab import TABS
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import column, holder, scrolled, space
from arny_studio.ui.widgets.text import label

_TITLES = {place.key: place.title for place in TABS}


class ShortcutSheet(QDialog):
    """A window beside the app's; it may stay open while one works."""

    def __init__(self, actions: ActionRegistry, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(520, 560)
        self._actions = actions
        sheet = column(*(self._menu(menu) for menu in MENUS if self._entries(menu)), 1, gap="l", margin="xl")
        self.setLayout(column(scrolled(holder(sheet)), gap="s"))
        QShortcut(QKeySequence.StandardKey.Cancel, self).activated.connect(self.close)

    def _entries(self, menu: str) -> list[tuple[str, str, str]]:
        return [
            (entry.title, _TITLES.get(entry.tab, ""), entry.action.shortcut().toString())
            for entry in self._actions.in_menu(menu)
            if not entry.action.shortcut().isEmpty()
        ]

    def _menu(self, menu: str) -> QWidget:
        grid = QGridLayout()
        grid.setHorizontalSpacing(space("l"))
        grid.setVerticalSpacing(space("s"))
        grid.setColumnStretch(0, 1)
        for line, (title, tab, shortcut) in enumerate(self._entries(menu)):
            grid.addWidget(label(title), line, 0)
            grid.addWidget(label(tab, "caption"), line, 1)
            grid.addWidget(Chip(shortcut), line, 2, Qt.AlignmentFlag.AlignRight)
        return holder(column(label(menu, "heading"), grid, gap="s"))
