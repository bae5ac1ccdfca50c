"""What was looked at in a GGUF, one line per check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QToolButton, QWidget

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import clear, column, space
from arny_studio.ui.widgets.text import breakable, label

_CHECK = "check "


class ChecksView(QWidget):
    """Shows the results whose name begins with `check`."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._shown: dict[str, Any] = {}
        self._lines = QGridLayout()
        self._lines.setHorizontalSpacing(space("m"))
        self._lines.setVerticalSpacing(space("s"))
        self._lines.setColumnStretch(2, 1)
        self.setLayout(column(self._lines, 1, margin="l"))

    @property
    def has_checks(self) -> bool:
        """Whether there is anything to see."""
        return bool(self._shown)

    def show_results(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        """Every check so far; rebuilt only where there is a new one."""
        found = {name.removeprefix(_CHECK): dict(said) for name, said in results.items() if name.startswith(_CHECK)}
        if found == self._shown:
            return
        self._shown = found
        clear(self._lines)
        for line, (name, said) in enumerate(found.items()):
            self._add(line, name, passed=bool(said.get("passed")), says=str(said.get("says", "")))

    def _add(self, line: int, name: str, *, passed: bool, says: str) -> None:
        mark = QToolButton()
        mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        mark.setFixedSize(24, 24)
        mark.setIconSize(QSize(16, 16))
        self._theme.dress(mark, "success" if passed else "error", "success" if passed else "danger")
        self._lines.addWidget(mark, line, 0, Qt.AlignmentFlag.AlignTop)
        self._lines.addWidget(label(name.capitalize()), line, 1, Qt.AlignmentFlag.AlignTop)
        self._lines.addWidget(label(breakable(says), "muted", wraps=True, selectable=True), line, 2)
