"""The "As trained" page: the rendered conversation token by token, what the loss sees, and where it is cut off."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from PySide6.QtCore import QEvent, QPoint, Signal, Slot
from PySide6.QtGui import QHelpEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QToolTip, QWidget

from arny_studio.jobs.events import Inspected
from arny_studio.ui.data.open_document import MOST_TOKENS
from arny_studio.ui.theme import ThemeSwitcher, code_font
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.inputs import Choice, Number
from arny_studio.ui.widgets.layout import column, holder, row
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import as_tooltip, label

MOST_TOKENS_SHOWN = 6_000


class TokensText(QPlainTextEdit):
    """The rendered text with its tokens marked; a tooltip says which token lies under the pointer."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self._theme = theme
        self._answer: Inspected | None = None
        self._starts: list[int] = []  # of each token, in UTF-16 units, which is how Qt counts
        self.setReadOnly(True)
        self.setFont(code_font())
        self.setAccessibleName("Rendered conversation")
        self.setProperty("look", "sunken")
        theme.theme_changed.connect(self._on_theme_changed)

    def show_tokens(self, answer: Inspected) -> None:
        """Show a rendered conversation."""
        self._answer = answer
        units = _utf16_places(answer.text)
        self._starts = [int(units[start]) for start in answer.starts]
        self.clear()
        cursor = self.textCursor()
        cursor.beginEditBlock()
        at = 0
        for start, end, kind in _stretches(answer):
            cursor.insertText(answer.text[at:start], self._format("plain", False))
            cursor.insertText(answer.text[max(at, start) : end], self._format(kind[0], kind[1]))
            at = max(at, end)
        cursor.insertText(answer.text[at:][:1000], self._format("plain", False))
        cursor.endEditBlock()
        cursor.movePosition(QTextCursor.MoveOperation.Start)
        self.setTextCursor(cursor)

    def token_at(self, point: QPoint) -> int | None:
        """The token under a point of the viewport; None beside the text."""
        if self._answer is None or not self._starts:
            return None
        position = self.cursorForPosition(point).position()
        return max(0, bisect_right(self._starts, position) - 1)

    def describe(self, token: int) -> str:
        """What the tooltip says of a token."""
        answer = self._answer
        assert answer is not None
        text = answer.text[answer.starts[token] : answer.ends[token]]
        is_learned = any(start <= token < end for start, end in answer.supervised)
        fate = "cut off" if token >= answer.kept else "learned" if is_learned else "read, not learned"
        return f"{text!r}  ·  id {answer.ids[token]}  ·  token {token + 1:,}  ·  {fate}"

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the token's id where the pointer rests."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            token = self.token_at(event.pos())
            if token is not None:
                QToolTip.showText(event.globalPos(), as_tooltip(self.describe(token)), self)
            return True
        return super().viewportEvent(event)

    def _format(self, kind: str, is_odd: bool) -> QTextCharFormat:
        made = QTextCharFormat()
        color = self._theme.color
        ground, ink = {
            "learned": ("success_soft", "success"),
            "read": ("surface_hover", "text"),
            "cut": ("danger_soft", "danger"),
            "plain": ("surface_sunken", "text_muted"),
        }[kind]
        made.setForeground(color(ink))
        ground_color = color(ground)
        if kind != "plain":
            made.setBackground(ground_color if not is_odd else ground_color.darker(106))
        made.setFontStrikeOut(kind == "cut")
        return made

    @Slot(object)
    def _on_theme_changed(self, _theme: object) -> None:
        if self._answer is not None:
            self.show_tokens(self._answer)


class TrainedView(QWidget):
    """Pickers of base and limit, the counts, the legend, and the tokens."""

    changed = Signal()  # another base or limit

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.base = Choice("Base model")
        self.limit = Number(64, 32_768, MOST_TOKENS)
        self.limit.setAccessibleName("Longest sample in tokens")
        self.limit.setFixedWidth(92)
        self.tokens = TokensText(theme)
        self.notice = Notice(theme)
        self._count = label(role="lead")
        self._about = label(role="muted", wraps=True)
        self._legend = holder(FlowLayout(Chip("learned", "success"), Chip("read only"), Chip("cut off", "danger")))
        pickers = row(self.base, label("limit", "muted"), self.limit)
        layout = column(pickers, self.notice, self._count, self._about, self._legend, gap="s")
        layout.addWidget(self.tokens, 1)
        layout.addStretch(0)
        self.setLayout(layout)
        self.base.currentIndexChanged.connect(self.changed)
        self.limit.valueChanged.connect(self.changed)
        self.show_nothing("Select a row to see what is trained.")

    def show_nothing(self, sentence: str) -> None:
        """There is nothing to show, and why."""
        self.notice.be_quiet()
        self.notice.hide()
        self._say("", sentence)
        self.tokens.clear()

    def show_answer(self, answer: Inspected) -> None:
        """Show a rendered conversation, or why it cannot be trained."""
        if answer.problem:
            self.show_nothing("")
            self.notice.say("warning", answer.problem, answer.hint)
            return
        self.notice.be_quiet()
        self.notice.hide()
        learned = sum(max(0, min(end, answer.kept) - start) for start, end in answer.supervised)
        cut = len(answer.ids) - answer.kept
        self._say(f"{len(answer.ids):,} of {self.limit.value():,} tokens", _said(learned, cut, answer))
        self.tokens.show_tokens(answer)

    def _say(self, count: str, about: str) -> None:
        self._count.setText(count)
        self._count.setVisible(bool(count))
        self._about.setText(about)
        self._about.setVisible(bool(about))
        self._legend.setVisible(bool(count))
        self.tokens.setVisible(bool(count))


def _said(learned: int, cut: int, answer: Inspected) -> str:
    said = f"{learned:,} are learned, {answer.kept - learned:,} are only read."
    if cut:
        is_in_answer = any(start < answer.kept < end for start, end in answer.supervised)
        where = "inside the answer: the model would never learn its end" if is_in_answer else "at the limit"
        said += f" {cut:,} are cut off {where}."
    return said if len(answer.ids) <= MOST_TOKENS_SHOWN else f"{said} The first {MOST_TOKENS_SHOWN:,} are marked."


def _stretches(answer: Inspected) -> list[tuple[int, int, tuple[str, bool]]]:
    """Start, end (in characters) and (kind, odd) of each token; odd ones are shaded so that borders show."""
    learned = np.zeros(len(answer.ids), dtype=bool)
    for start, end in answer.supervised:
        learned[start:end] = True
    made = []
    for number in range(min(len(answer.ids), MOST_TOKENS_SHOWN)):
        kind = "cut" if number >= answer.kept else "learned" if learned[number] else "read"
        made.append((answer.starts[number], answer.ends[number], (kind, bool(number % 2))))
    return made


def _utf16_places(text: str) -> np.ndarray:
    """For each character (and the end) its place in UTF-16 units."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.concatenate(([0], np.cumsum(1 + (codes > 0xFFFF))))
