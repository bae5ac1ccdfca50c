"""A plain-text input that is as high as its text, up to a limit, inside a page that scrolls."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent, QTextOption, QWheelEvent
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy

from arny_studio.ui.theme import code_font
from arny_studio.ui.widgets.document_keys import undo_belongs_to_document
from arny_studio.ui.widgets.text import LONGEST_SHOWN_CHARACTERS

_MOST_LINES = 24
_LEAST_FRAME_PX, _MOST_FRAME_PX = 10, 24  # border and padding; before the first layout the difference says nothing


class GrowingText(QPlainTextEdit):
    """Says what the user typed; `show_text` changes it silently and keeps the cursor where it can."""

    edited = Signal(str)

    def __init__(self, name: str, *, is_code: bool = False, placeholder: str = "", least_lines: int = 1) -> None:
        super().__init__()
        self._least_lines = least_lines
        self._is_silent = False
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        self.setProperty("look", "field")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        if is_code:
            self.setFont(code_font())
            self.setProperty("role", "code")
        undo_belongs_to_document(self)
        self.textChanged.connect(self._on_text_changed)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)

    @property
    def text(self) -> str:
        """The whole text, line ends as `\\n`."""
        return self.toPlainText()

    def show_text(self, text: str) -> None:
        """Show a text without saying that it was edited. A very long one is not wrapped, since that takes minutes."""
        if text == self.text:
            return
        cursor = self.textCursor().position()
        self._is_silent = True
        is_long = len(text) > LONGEST_SHOWN_CHARACTERS
        mode = QPlainTextEdit.LineWrapMode.NoWrap if is_long else QPlainTextEdit.LineWrapMode.WidgetWidth
        self.setLineWrapMode(mode)
        self.setPlainText(text)
        self._is_silent = False
        moved = self.textCursor()
        moved.setPosition(min(cursor, max(0, self.document().characterCount() - 1)))
        self.setTextCursor(moved)

    def sizeHint(self) -> QSize:
        """As wide as the page, as high as the text."""
        return QSize(120, self._height())

    def minimumSizeHint(self) -> QSize:
        """Never lower than the text, up to the limit."""
        return QSize(60, self._height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrower text is higher."""
        super().resizeEvent(event)
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the page where there is nothing of our own to scroll."""
        if self.verticalScrollBar().maximum() == 0:
            event.ignore()
            return
        super().wheelEvent(event)

    def _height(self) -> int:
        """Heights of a plain-text document are in lines."""
        lines = min(_MOST_LINES, max(self._least_lines, int(self.document().size().height())))
        text_px = int(lines * self.fontMetrics().lineSpacing() + 2 * self.document().documentMargin())
        margins = self.viewportMargins()
        frame_px = max(_LEAST_FRAME_PX, self.height() - self.viewport().height() - margins.top() - margins.bottom())
        return text_px + (frame_px if frame_px < _MOST_FRAME_PX else _LEAST_FRAME_PX) + 1

    @Slot()
    def _fit(self, *_: object) -> None:
        if self.height() != self._height():
            self.setFixedHeight(self._height())

    @Slot()
    def _on_text_changed(self) -> None:
        if not self._is_silent:
            self.edited.emit(self.text)
