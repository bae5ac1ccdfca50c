"""Paints chips and bars where an ItemsModel offers them."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_painting import content_rect, paint_chips, paint_ground, paint_share
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, SHARE_ROLE

_FIGURE_PX = 58


class CellDelegate(QStyledItemDelegate):
    """Chips for CHIPS_ROLE, a bar for SHARE_ROLE, else the text."""

    def __init__(self, theme: ThemeSwitcher, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell."""
        chips, share = index.data(CHIPS_ROLE), index.data(SHARE_ROLE)
        if chips is None and share is None:
            super().paint(painter, option, index)
            return
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        text = ground.text
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, ground)
        if chips is not None:
            paint_chips(painter, self._theme, content_rect(option), chips)
        else:
            role = "success" if share >= 0.9 else "accent" if share >= 0.6 else "warning"
            paint_share(painter, self._theme, content_rect(option), text, share, role, text_px=_FIGURE_PX)
        painter.restore()
