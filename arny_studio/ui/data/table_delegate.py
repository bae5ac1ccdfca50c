"""Paints the cells that say more than a text: scores as bars, flags, problems and decisions of the review as chips."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from arny_studio.ui.data.table_model import COMPLEXITY, CONFIDENCE, FLAGS, NUMBERS, PROBLEMS, REVIEW, SHARE_ROLE, TAGS
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_painting import content_rect, paint_chips, paint_ground, paint_share
from arny_studio.ui.widgets.items_model import CHIPS_ROLE

_CHIPS, _SHARES = frozenset({REVIEW, FLAGS, PROBLEMS, TAGS}), frozenset({COMPLEXITY, CONFIDENCE})
_TONES = {COMPLEXITY: ("accent", "system"), CONFIDENCE: ("warning", "success")}  # below the limit, from it on


class RowsDelegate(QStyledItemDelegate):
    """Draws chips and shares; the rest as one line of text."""

    def __init__(self, theme: ThemeSwitcher, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell. Asks the model once: a style option filled by Qt asks for seven roles, a third of a repaint."""
        column = index.column()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, QStyleOptionViewItem(option))
        if column in _CHIPS:
            paint_chips(painter, self._theme, content_rect(option), index.data(CHIPS_ROLE) or ())
        elif column in _SHARES:
            self._share(painter, option, index)
        else:
            self._text(painter, option, index)
        painter.restore()

    def _text(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        text = index.data()
        if not text:
            return
        rect = content_rect(option)
        painter.setPen(self._theme.color("text"))
        side = Qt.AlignmentFlag.AlignRight if index.column() in NUMBERS else Qt.AlignmentFlag.AlignLeft
        shown = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width()))
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)

    def _share(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(SHARE_ROLE)
        if share is not None:
            text, part, reaches_limit = share
            role = _TONES[index.column()][bool(reaches_limit)]
            paint_share(painter, self._theme, content_rect(option), text, part, role)
