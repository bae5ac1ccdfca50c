"""Tiles side by side, in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from arny_studio.ui.widgets.layout import space


class TileGrid(QWidget):
    """Lays its tiles out anew when its width changes; none gets narrower than `least_px`."""

    def __init__(self, *tiles: QWidget, least_px: int = 128) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._tiles: tuple[QWidget, ...] = tiles
        self._shown: tuple[QWidget, ...] = ()
        self._least_px = least_px
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(space("m"))
        self.show_only(tiles)

    def show_only(self, tiles: Sequence[QWidget]) -> None:
        """Show some of the tiles, in this order, and close the gaps."""
        if tuple(tiles) == self._shown:
            return
        for tile in self._tiles:
            self._grid.removeWidget(tile)
            tile.setParent(self)
            tile.setVisible(tile in tiles)
        self._shown, self._columns = tuple(tiles), 0
        self._place(self._columns_for(self.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Find the number of columns for the new width."""
        super().resizeEvent(event)
        self._place(self._columns_for(event.size().width()))

    def _columns_for(self, width_px: int) -> int:
        room = (width_px + space("m")) // (self._least_px + space("m"))
        count = len(self._shown)
        rows = -(-count // max(1, min(count, room)))
        return -(-count // rows) if rows else 1

    def _place(self, columns: int) -> None:
        if columns == self._columns:
            return
        for number in range(max(columns, self._grid.columnCount())):
            self._grid.setColumnStretch(number, 1 if number < columns else 0)
        self._columns = columns
        for number, tile in enumerate(self._shown):
            tile.setMinimumWidth(1)
            self._grid.addWidget(tile, number // columns, number % columns)
