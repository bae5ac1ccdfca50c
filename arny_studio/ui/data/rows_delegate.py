"""Paints the cells that say more than a text: scores as bars, flags and problems as chips."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from arny_studio.ui.data.faces import RowFace
from arny_studio.ui.data.rows_model import COMPLEXITY, CONFIDENCE, FACE_ROLE, FLAGS, PROBLEMS
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_painting import content_rect, paint_chips, paint_ground, paint_share

_FLAG_TONES = {"asks": "warning", "executes": "success", "reasons": "system", "several": "accent"}


class RowsDelegate(QStyledItemDelegate):
    """Draws score, confidence, flags and problems; leaves the other columns to Qt."""

    def __init__(self, theme: ThemeSwitcher, threshold: float, confidence_floor: float, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._threshold = threshold
        self._floor = confidence_floor

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell."""
        if index.column() not in (COMPLEXITY, CONFIDENCE, FLAGS, PROBLEMS):
            super().paint(painter, option, index)
            return
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, ground)
        self._content(painter, option, index.data(FACE_ROLE), index.column())
        painter.restore()

    def _content(self, painter: QPainter, option: QStyleOptionViewItem, face: RowFace, column: int) -> None:
        rect = content_rect(option)
        if column == COMPLEXITY and face.complexity is not None:
            role = "system" if face.complexity >= self._threshold else "accent"
            paint_share(painter, self._theme, rect, f"{face.complexity:g}", face.complexity / 100, role)
        elif column == CONFIDENCE and face.confidence is not None:
            role = "success" if face.confidence >= self._floor else "warning"
            paint_share(painter, self._theme, rect, f"{face.confidence:.2f}", face.confidence, role)
        elif column == FLAGS:
            paint_chips(painter, self._theme, rect, [(flag, _FLAG_TONES[flag]) for flag in face.flags])
        elif column == PROBLEMS and face.problems:
            tone = "danger" if face.has_errors else "warning"
            paint_chips(painter, self._theme, rect, [(str(face.problems), tone)])
