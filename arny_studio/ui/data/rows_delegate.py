"""Paints the cells that say more than a text: scores as bars, flags and problems as chips."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from arny_studio.ui.data.faces import RowFace
from arny_studio.ui.data.rows_model import COMPLEXITY, CONFIDENCE, FACE_ROLE, FLAGS, PROBLEMS
from arny_studio.ui.theme import ThemeSwitcher, scale

_FLAG_TONES = {"asks": "warning", "executes": "success", "reasons": "system", "several": "accent"}
_BAR_PX, _NUMBER_PX, _EDGE_PX = 44, 36, 8


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
        self._ground(painter, option, index)
        face: RowFace = index.data(FACE_ROLE)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect).adjusted(_EDGE_PX, 0, -_EDGE_PX, 0)
        match index.column():
            case 4 if face.complexity is not None:
                role = "system" if face.complexity >= self._threshold else "accent"
                self._score(painter, rect, f"{face.complexity:g}", face.complexity / 100, role)
            case 5 if face.confidence is not None:
                role = "success" if face.confidence >= self._floor else "warning"
                self._score(painter, rect, f"{face.confidence:.2f}", face.confidence, role)
            case 6:
                self._chips(painter, rect, [(flag, _FLAG_TONES[flag]) for flag in face.flags])
            case 7 if face.problems:
                self._chips(painter, rect, [(str(face.problems), "danger" if face.has_errors else "warning")])
        painter.restore()

    def _ground(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Selection and hover as the style paints them, without the text."""
        plain = QStyleOptionViewItem(option)
        self.initStyleOption(plain, index)
        plain.text = ""
        style = option.widget.style() if option.widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, plain, painter, option.widget)

    def _score(self, painter: QPainter, rect: QRectF, text: str, share: float, role: str) -> None:
        painter.setPen(self._theme.color("text"))
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        groove = QRectF(rect.left() + _NUMBER_PX, rect.center().y() - 2, _BAR_PX, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("surface_pressed"))
        painter.drawRoundedRect(groove, 2, 2)
        groove.setWidth(_BAR_PX * min(1.0, max(0.0, share)))
        painter.setBrush(self._theme.color(role))
        painter.drawRoundedRect(groove, 2, 2)

    def _chips(self, painter: QPainter, rect: QRectF, chips: list[tuple[str, str]]) -> None:
        font = QFont(painter.font())
        font.setPixelSize(scale().type["caption"])
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        left = rect.left()
        for text, tone in chips:
            chip = QRectF(left, rect.center().y() - 9, metrics.horizontalAdvance(text) + 14, 18)
            if chip.right() > rect.right() + _EDGE_PX:
                break
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color(f"{tone}_soft"))
            painter.drawRoundedRect(chip, 9, 9)
            painter.setPen(self._theme.color("accent_text" if tone == "accent" else tone))
            painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
            left = chip.right() + 4
