"""Where the files come from: `lineage.json` as a tree, names at the left, values at the right."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QHeaderView, QTreeView

from arny_studio.ui.widgets.text import elided
from arny_studio.ui.wording import moment_in_words

_MOST_ENTRIES = 5_000
_OPEN = ("base", "dataset", "contract", "training")
_SPELT = {"sha256": "SHA-256", "made_s": "Made", "lineage_version": "Lineage version"}


class LineageView(QTreeView):
    """A read-only tree."""

    def __init__(self) -> None:
        super().__init__()
        self._entries = QStandardItemModel(0, 2, self)
        self._entries.setHorizontalHeaderLabels(["", "Value"])
        self.setModel(self._entries)
        self.setProperty("look", "inset")
        self.setFrameShape(QTreeView.Shape.NoFrame)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setUniformRowHeights(True)
        self.setAccessibleName("Lineage")
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.header().setStretchLastSection(True)
        self.setColumnWidth(0, 210)

    def show_lineage(self, lineage: dict[str, Any]) -> None:
        """Show a whole record; an empty one empties the tree."""
        self._entries.removeRows(0, self._entries.rowCount())
        self._left = _MOST_ENTRIES
        for name, value in lineage.items():
            self._add(self._entries.invisibleRootItem(), str(name), value)
        for line in range(self._entries.rowCount()):
            item = self._entries.item(line)
            if item.data() in _OPEN:
                self.expand(item.index())

    def _add(self, parent: QStandardItem, name: str, value: Any) -> None:
        if self._left <= 0:
            return
        self._left -= 1
        title = QStandardItem(_SPELT.get(name, name.replace("_", " ").capitalize() if name.isidentifier() else name))
        title.setData(name)
        shown = QStandardItem("" if isinstance(value, dict | list) else elided(_written(name, value), 500))
        parent.appendRow([title, shown])
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, child in children:
            self._add(title, str(key), child)


def _written(name: str, value: object) -> str:
    if name == "made_s" and isinstance(value, int | float):
        return moment_in_words(value)
    return "–" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)
