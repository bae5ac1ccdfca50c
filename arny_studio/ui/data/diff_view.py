"""Shows what a change does to a text: what goes is struck out, what comes is marked."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from arny_studio.ui.data.text_diff import Piece, diff_texts, shortened
from arny_studio.ui.theme import ThemeSwitcher, code_font
from arny_studio.ui.widgets.text import LONGEST_SHOWN_CHARACTERS, elided


class DiffView(QPlainTextEdit):
    """Read-only. Text is plain text; formats say what happened to it."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self._theme = theme
        self._shown: tuple[str, str, bool] = ("", "", True)
        self.setReadOnly(True)
        self.setAccessibleName("What changes")
        self.setProperty("look", "sunken")
        self.setFont(code_font())
        theme.theme_changed.connect(self._on_theme_changed)

    def show_change(self, before: str, after: str, *, whole: bool = False) -> None:
        """Show the way from one text to the other; unless `whole`, long unchanged stretches are left out."""
        self._shown = (before, after, whole)
        pieces = diff_texts(before[:LONGEST_SHOWN_CHARACTERS], after[:LONGEST_SHOWN_CHARACTERS])
        self.clear()
        cursor = self.textCursor()
        for piece in pieces if whole else shortened(pieces):
            cursor.insertText(elided(piece.text), self._format(piece))
        cursor.movePosition(QTextCursor.MoveOperation.Start)
        self.setTextCursor(cursor)

    def show_nothing(self) -> None:
        """No change is selected."""
        self._shown = ("", "", True)
        self.clear()

    def _format(self, piece: Piece) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setForeground(self._theme.color("text" if piece.op != "same" else "text_muted"))
        if piece.op == "removed":
            made.setBackground(self._theme.color("danger_soft"))
            made.setForeground(self._theme.color("danger"))
            made.setFontStrikeOut(True)
        elif piece.op == "added":
            made.setBackground(self._theme.color("success_soft"))
            made.setForeground(self._theme.color("success"))
        return made

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        before, after, whole = self._shown
        self.show_change(before, after, whole=whole)
