"""What delegates paint inside a table's cell: the ground, chips, and a share as a bar."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter
from PySide6.QtWidgets import QApplication, QStyle, QStyleOptionViewItem

from arny_studio.ui.theme import ThemeSwitcher, scale

EDGE_PX = 8
_CHIP_PX, _CHIP_PAD_PX, _BAR_PX = 18, 14, 44


def paint_ground(painter: QPainter, option: QStyleOptionViewItem) -> None:
    """Selection and hover as the style paints them, without the text."""
    option.text = ""
    style = option.widget.style() if option.widget is not None else QApplication.style()
    style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)


def content_rect(option: QStyleOptionViewItem) -> QRectF:
    """The cell without its margins."""
    return QRectF(option.rect).adjusted(EDGE_PX, 0, -EDGE_PX, 0)


def paint_share(
    painter: QPainter, theme: ThemeSwitcher, rect: QRectF, text: str, share: float, role: str, *, text_px: int = 36
) -> None:
    """A figure, and a bar of `share` (0–1) in a role's colour beside it."""
    painter.setPen(theme.color("text"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
    groove = QRectF(rect.left() + text_px, rect.center().y() - 2, _BAR_PX, 4)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("surface_pressed"))
    painter.drawRoundedRect(groove, 2, 2)
    groove.setWidth(_BAR_PX * min(1.0, max(0.0, share)))
    painter.setBrush(theme.color(role))
    painter.drawRoundedRect(groove, 2, 2)


def paint_chips(painter: QPainter, theme: ThemeSwitcher, rect: QRectF, chips: Iterable[tuple[str, str]]) -> None:
    """(text, tone) side by side, as many as there is room for."""
    font = QFont(painter.font())
    font.setPixelSize(scale().type["caption"])
    font.setWeight(QFont.Weight.DemiBold)
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    left = rect.left()
    for text, tone in chips:
        chip = QRectF(left, rect.center().y() - _CHIP_PX / 2, metrics.horizontalAdvance(text) + _CHIP_PAD_PX, _CHIP_PX)
        if chip.right() > rect.right() + EDGE_PX:
            break
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("surface_pressed" if tone == "neutral" else f"{tone}_soft"))
        painter.drawRoundedRect(chip, _CHIP_PX / 2, _CHIP_PX / 2)
        painter.setPen(theme.color({"accent": "accent_text", "neutral": "text_muted"}.get(tone, tone)))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
        left = chip.right() + 4
