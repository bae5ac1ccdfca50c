"""Tables on the theme: whole rows selected, fixed row height (so a million rows cost nothing), no grid."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView

ROW_PX = 34


class Table(QTableView):
    """A read-only table. `widths` fixes columns in pixels; `stretched` takes what is left.

    A column in `hidden_below` goes away while the table is narrower than its number of pixels.
    """

    def __init__(
        self, model: QAbstractItemModel, widths: Mapping[int, int], stretched: int, *,
        hidden_below: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._hidden_below = dict(hidden_below or {})
        self._wanted: dict[int, bool] = {}
        self.setModel(model)
        self.setProperty("look", "inset")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._set_up_headers(widths, stretched)

    def select_line(self, line: int) -> None:
        """Select a line and bring it into view."""
        index = self.model().index(line, 0)
        self.setCurrentIndex(index)
        self.scrollTo(index)

    def want(self, column: int, is_wanted: bool) -> None:
        """Show a column where there is room for it, or leave it out while it has nothing to say."""
        self._wanted[column] = is_wanted
        self._hide_by_width(self.viewport().width())

    def hide_below(self, limits: Mapping[int, int]) -> None:
        """Change below how many pixels of the table columns go away; 0 is never."""
        self._hidden_below |= limits
        self._hide_by_width(self.viewport().width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Drop the less important columns where there is no room."""
        super().resizeEvent(event)
        self._hide_by_width(event.size().width())

    def _hide_by_width(self, width: int) -> None:
        for number in self._hidden_below.keys() | self._wanted.keys():
            is_hidden = not self._wanted.get(number, True) or width < self._hidden_below.get(number, 0)
            if self.isColumnHidden(number) != is_hidden:
                self.setColumnHidden(number, is_hidden)

    def _set_up_headers(self, widths: Mapping[int, int], stretched: int) -> None:
        side = self.verticalHeader()
        side.hide()
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        side.setDefaultSectionSize(ROW_PX)
        top = self.horizontalHeader()
        top.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        top.setHighlightSections(False)
        top.setSectionsMovable(True)
        for number, width in widths.items():
            self.setColumnWidth(number, width)
        top.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
