"""Paints the cells that say more than a text: scores as bars, flags, problems and decisions of the review as chips."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from arny_studio.ui.data.table_model import COMPLEXITY, CONFIDENCE, FLAGS, PROBLEMS, REVIEW, SHARE_ROLE, TAGS
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_painting import content_rect, paint_chips, paint_ground, paint_share
from arny_studio.ui.widgets.items_model import CHIPS_ROLE

_CHIPS, _SHARES = frozenset({REVIEW, FLAGS, PROBLEMS, TAGS}), frozenset({COMPLEXITY, CONFIDENCE})
_TONES = {COMPLEXITY: ("accent", "system"), CONFIDENCE: ("warning", "success")}  # below the limit, from it on


class RowsDelegate(QStyledItemDelegate):
    """Draws chips and shares; leaves the other columns to Qt."""

    def __init__(self, theme: ThemeSwitcher, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell."""
        if index.column() not in _CHIPS | _SHARES:
            super().paint(painter, option, index)
            return
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, ground)
        if index.column() in _CHIPS:
            paint_chips(painter, self._theme, content_rect(option), index.data(CHIPS_ROLE) or ())
        else:
            self._share(painter, option, index)
        painter.restore()

    def _share(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(SHARE_ROLE)
        if share is not None:
            text, part, reaches_limit = share
            role = _TONES[index.column()][bool(reaches_limit)]
            paint_share(painter, self._theme, content_rect(option), text, part, role)
