"""Light, dark and system themes: tokens from TOML → palette, style sheet and icon colours.

Roles point to base colours, so a theme is changed in one place. Fusion draws what the style sheet leaves alone.
"""

from __future__ import annotations

import string
import tomllib
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import shiboken6
from msgspec import Struct
from PySide6.QtCore import QObject, Qt, QTemporaryDir, Signal, Slot
from PySide6.QtGui import QColor, QFont, QIcon, QPalette
from PySide6.QtWidgets import QApplication

from arny_studio.paths import RESOURCES_DIR
from arny_studio.ui import icons
from arny_studio.ui.settings import ThemeMode

THEMES_DIR = RESOURCES_DIR / "themes"
STYLE_SHEET = RESOURCES_DIR / "style.qss"


class Theme(Struct, frozen=True, kw_only=True):
    """The tokens of one theme. `colors` maps role → #rrggbb."""

    name: str
    is_dark: bool
    colors: dict[str, str]

    def color(self, role: str) -> QColor:
        """The colour of a role; KeyError for a role no theme has."""
        return QColor(self.colors[role])


class Scale(Struct, frozen=True, kw_only=True):
    """Sizes in device-independent pixels, the same in every theme."""

    space: dict[str, int]
    radius: dict[str, int]
    type: dict[str, int]
    family: dict[str, list[str]]


class TakesIcon(Protocol):
    """A widget or action that can carry an icon."""

    def setIcon(self, icon: QIcon, /) -> None: ...


class _Template(string.Template):
    delimiter = "@"


@lru_cache(maxsize=1)
def scale() -> Scale:
    """The shared sizes."""
    return Scale(**_read_toml(THEMES_DIR / "scale.toml"))


@lru_cache(maxsize=4)
def load_theme(name: str) -> Theme:
    """A theme by name (`light`, `dark`); its roles resolved to colours."""
    tokens = _read_toml(THEMES_DIR / f"{name}.toml")
    base = tokens["base"]
    colors = {role: base[source] for role, source in tokens["roles"].items()}
    return Theme(name=tokens["name"], is_dark=tokens["is_dark"], colors=colors)


class ThemeSwitcher(QObject):
    """Applies a theme to the whole application and keeps icons in its colours."""

    theme_changed = Signal(object)  # Theme

    def __init__(self, app: QApplication, mode: ThemeMode) -> None:
        super().__init__()
        self._app = app
        self._dressed: list[tuple[weakref.ref[Any], str, str]] = []
        self.mode: ThemeMode = mode
        self.current = self._wanted()
        if not app.styleSheet():  # else an earlier switcher has been here, and the style lies under its sheet
            app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._on_color_scheme_changed)
        self._apply()

    def set_mode(self, mode: ThemeMode) -> None:
        """Follow the system, or stay light or dark."""
        self.mode = mode
        self._switch()

    @contextmanager
    def undressed(self) -> Iterator[None]:
        """Builds windows without the style sheet and dresses them at the end, all at once.

        Under a style sheet Qt asks the whole subtree for its style each time a widget is put into another one, which
        takes two thirds of the time in which a window is built.
        """
        sheet = self._app.styleSheet()
        self._app.setStyleSheet("")
        try:
            yield
        finally:
            self._app.setStyleSheet(sheet)

    def color(self, role: str) -> QColor:
        """A role's colour in the current theme; listen to `theme_changed` where you keep it."""
        return self.current.color(role)

    def icon(self, name: str, role: str = "text") -> QIcon:
        """An icon in a role's colour, for now; `dress` keeps it true."""
        return icons.icon(name, self.color(role), self.color("text_disabled"))

    def dress(self, target: TakesIcon, name: str, role: str = "text") -> None:
        """Give a button or action an icon that follows the theme for as long as it lives."""
        self._dressed = [entry for entry in self._dressed if entry[0]() is not None and entry[0]() is not target]
        self._dressed.append((weakref.ref(target), name, role))
        target.setIcon(self.icon(name, role))

    def _wanted(self) -> Theme:
        if self.mode != "system":
            return load_theme(self.mode)
        is_dark = self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return load_theme("dark" if is_dark else "light")

    @Slot(Qt.ColorScheme)
    def _on_color_scheme_changed(self, _scheme: Qt.ColorScheme) -> None:
        if self.mode == "system":
            self._switch()

    def _switch(self) -> None:
        wanted = self._wanted()
        if wanted.name == self.current.name:
            return
        self.current = wanted
        self._apply()
        for reference, name, role in self._dressed:
            target = reference()
            if target is not None and shiboken6.isValid(target):
                target.setIcon(self.icon(name, role))
        self.theme_changed.emit(wanted)

    def _apply(self) -> None:
        self._app.setStyleSheet("")  # from one sheet straight to another Qt takes seven times as long
        self._app.setPalette(palette(self.current))
        self._app.setFont(body_font())
        self._app.setStyleSheet(style_sheet(self.current, Path(_ink_dir().path())))


def style_sheet(theme: Theme, ink_dir: Path) -> str:
    """The style sheet with every token filled in. Arrow and check drawings are written to `ink_dir`.

    Raises KeyError where the template names a token that does not exist.
    """
    values = dict(theme.colors)
    for group in ("space", "radius", "type"):
        values |= {f"{group}_{name}": f"{size}px" for name, size in getattr(scale(), group).items()}
    values["family_code"] = ", ".join(f'"{family}"' for family in scale().family["code"])
    inks = (
        ("chevron-down", "text_muted"),
        ("chevron-up", "text_muted"),
        ("check", "on_accent"),
        ("close", "text_muted"),
    )
    for name, role in inks:
        values[f"{name.replace('-', '_')}_file"] = _ink_file(theme, name, role, ink_dir)
    return _Template(STYLE_SHEET.read_text("utf-8")).substitute(values)


def palette(theme: Theme) -> QPalette:
    """The Qt palette of a theme."""
    role = QPalette.ColorRole
    made = QPalette()
    for target, source in (
        (role.Window, "window"), (role.WindowText, "text"), (role.Base, "surface"), (role.Text, "text"),
        (role.AlternateBase, "surface_sunken"), (role.Button, "surface"), (role.ButtonText, "text"),
        (role.ToolTipBase, "surface"), (role.ToolTipText, "text"), (role.PlaceholderText, "text_muted"),
        (role.Highlight, "accent"), (role.HighlightedText, "on_accent"), (role.Link, "accent_text"),
        (role.Accent, "accent"), (role.Mid, "border_strong"), (role.Dark, "border_strong"), (role.Light, "surface_hover"),
    ):  # fmt: skip
        made.setColor(target, theme.color(source))
    for target in (role.Text, role.WindowText, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, target, theme.color("text_disabled"))
    return made


def body_font() -> QFont:
    """The font of running text."""
    return _font("text")


def code_font() -> QFont:
    """The fixed-width font of JSON, paths and logs."""
    return _font("code")


def contrast(first: QColor, second: QColor) -> float:
    """WCAG 2.1 contrast ratio of two opaque colours, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: QColor) -> float:
    channels = (color.redF(), color.greenF(), color.blueF())
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _font(family: str) -> QFont:
    font = QFont(scale().family[family])
    font.setPixelSize(scale().type["body"])
    return font


@lru_cache(maxsize=1)
def _ink_dir() -> QTemporaryDir:
    """Lives as long as the process: the application's style sheet names files in it."""
    return QTemporaryDir()


def _ink_file(theme: Theme, name: str, role: str, ink_dir: Path) -> str:
    path = ink_dir / f"{theme.name}-{name}.svg"
    path.write_bytes(icons.coloured_svg(name, theme.color(role)))
    return path.as_posix()


def _read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))
