"""Tiles side by side, in as many columns as there is room for."""

from __future__ import annotations

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from arny_studio.ui.widgets.layout import space


class TileGrid(QWidget):
    """Lays its tiles out anew when its width changes; none gets narrower than `least_px`."""

    def __init__(self, *tiles: QWidget, least_px: int = 128) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._tiles, self._least_px = tiles, least_px
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(space("m"))
        self._place(len(tiles))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find the number of columns for the new width."""
        super().resizeEvent(event)
        room = (event.size().width() + space("m")) // (self._least_px + space("m"))
        rows = -(-len(self._tiles) // max(1, min(len(self._tiles), room)))
        self._place(-(-len(self._tiles) // rows))

    def _place(self, columns: int) -> None:
        if columns == self._columns:
            return
        for number in range(max(columns, self._columns)):
            self._grid.setColumnStretch(number, 1 if number < columns else 0)
        self._columns = columns
        for number, tile in enumerate(self._tiles):
            tile.setMinimumWidth(1)
            self._grid.addWidget(tile, number // columns, number % columns)
