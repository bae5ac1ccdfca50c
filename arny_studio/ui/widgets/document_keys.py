"""Inputs inside a document: undo belongs to the document, not to the single input that happens to have the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

_DOCUMENT_KEYS = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)


class _UndoPasser(QObject):
    """Keeps an input from claiming undo and redo, so that the window's actions hear them."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        if not any(event.matches(key) for key in _DOCUMENT_KEYS):
            return False
        event.ignore()
        return True


def undo_belongs_to_document(widget: QWidget) -> None:
    """Let the document's undo and redo through while this input has the focus."""
    if isinstance(widget, QPlainTextEdit):
        widget.setUndoRedoEnabled(False)
    for target in (widget, *widget.findChildren(QLineEdit)):
        target.installEventFilter(_UndoPasser(target))
