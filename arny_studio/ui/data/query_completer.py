"""The list under the search field: how the query could go on at the cursor. Tab or Enter takes the marked one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QStringListModel, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QLineEdit, QListView

from arny_studio.dataset.query_words import MOST_OFFERED, Suggestion, suggestions


class QueryCompleter(QCompleter):
    """Offers while somebody types; a query that is put into the field from elsewhere opens nothing."""

    def __init__(self, field: QLineEdit) -> None:
        super().__init__(field)
        self._field = field
        self._words: Mapping[str, Sequence[str]] = {}
        self._offered: list[Suggestion] = []
        self._labels = QStringListModel(self)
        self.setModel(self._labels)
        self.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self.setMaxVisibleItems(MOST_OFFERED)
        self.setWidget(field)
        self.list = QListView()
        self.list.setAccessibleName("Ways to go on")
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setPopup(self.list)
        field.textEdited.connect(self._on_edited)
        self.activated[QModelIndex].connect(self._on_chosen)  # pyright: ignore[reportIndexIssue]

    def show_words(self, words: Mapping[str, Sequence[str]]) -> None:
        """The values that this dataset has, by field."""
        self._words = words

    @property
    def labels(self) -> list[str]:
        """What is offered now."""
        return [one.label for one in self._offered]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Tab takes the marked offer, or the first; Qt would leave the field."""
        is_tab = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Tab
        if watched is not self.list or not is_tab or not self.list.isVisible():
            return super().eventFilter(watched, event)
        marked = self.list.currentIndex()
        self.list.hide()
        self._on_chosen(marked if marked.isValid() else self._labels.index(0))
        return True

    @Slot()
    def _on_edited(self) -> None:
        self._offered = suggestions(self._field.text(), self._field.cursorPosition(), self._words)
        if not self._offered:
            self.list.hide()
            return
        self._labels.setStringList(self.labels)
        self.complete()

    @Slot(QModelIndex)
    def _on_chosen(self, index: QModelIndex) -> None:
        chosen = self._offered[index.row()]
        self._field.setText(chosen.query)
        self._field.setCursorPosition(chosen.cursor)
        if chosen.query[: chosen.cursor].endswith((":", "=")):
            self._on_edited()
