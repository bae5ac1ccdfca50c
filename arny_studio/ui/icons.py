"""Our own line icons: SVG drawn in `currentColor`, coloured when they are rendered."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from arny_studio.paths import RESOURCES_DIR

ICONS_DIR = RESOURCES_DIR / "icons"
_SIZES_PX = (16, 20, 24, 32, 48, 96)


def coloured_svg(name: str, color: QColor) -> bytes:
    """The drawing with its ink set. Raises FileNotFoundError for an icon we do not have."""
    return (ICONS_DIR / f"{name}.svg").read_bytes().replace(b"currentColor", color.name().encode())


def icon(name: str, color: QColor, disabled: QColor | None = None) -> QIcon:
    """An icon in one colour, and another one where its widget is disabled."""
    made = QIcon()
    _add_pixmaps(made, name, color.name(), QIcon.Mode.Normal)
    if disabled is not None:
        _add_pixmaps(made, name, disabled.name(), QIcon.Mode.Disabled)
    return made


@lru_cache(maxsize=1024)
def pixmap(name: str, color: str, size_px: int) -> QPixmap:
    """A square pixmap of `size_px` device pixels."""
    renderer = QSvgRenderer(QByteArray(coloured_svg(name, QColor(color))))
    canvas = QPixmap(QSize(size_px, size_px))
    canvas.fill(Qt.GlobalColor.transparent)
    painter = QPainter(canvas)
    renderer.render(painter)
    painter.end()
    return canvas


def app_icon() -> QIcon:
    """The product's own mark, in its own colours."""
    return QIcon(str(ICONS_DIR / "arny-studio.svg"))


def _add_pixmaps(made: QIcon, name: str, color: str, mode: QIcon.Mode) -> None:
    for size_px in _SIZES_PX:
        made.addPixmap(pixmap(name, color, size_px), mode)
