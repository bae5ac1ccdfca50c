"""Ctrl+K: every action that can be triggered now, found by typing a few of its letters."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QSize, Qt, Slot
from PySide6.QtGui import QAction, QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QFrame, QLineEdit, QListView, QVBoxLayout, QWidget

from arny_studio.ui.actions import ActionRegistry, RegisteredAction

_WIDTH_PX, _HEIGHT_PX, _ROW_PX = 560, 420, 34
_ACTION_ROLE = Qt.ItemDataRole.UserRole + 1


class CommandPalette(QFrame):
    """A popup over the window. Enter triggers, Escape closes, the arrows move."""

    def __init__(self, actions: ActionRegistry, window: QWidget) -> None:
        super().__init__(window, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("palette")
        self._actions = actions
        self._window = window
        self._model = QStandardItemModel(self)
        self._query = QLineEdit()
        self._query.setPlaceholderText("Type what you want to do")
        self._query.setAccessibleName("Command")
        self._list = QListView()
        self._list.setModel(self._model)
        self._list.setUniformItemSizes(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(0)
        layout.addWidget(self._query)
        layout.addWidget(self._list)
        self._query.textChanged.connect(self._on_query_changed)
        self._query.installEventFilter(self)
        self._list.clicked.connect(self._on_chosen)

    def open(self) -> None:
        """Show the palette in the upper middle of the window."""
        self._query.clear()
        self._on_query_changed("")
        self.resize(QSize(_WIDTH_PX, _HEIGHT_PX))
        corner = QPoint((self._window.width() - _WIDTH_PX) // 2, 90)
        self.move(self._window.mapToGlobal(corner))
        self.show()
        self._query.setFocus()

    def titles(self) -> list[str]:
        """What is listed, best first."""
        return [self._model.item(row).text() for row in range(self._model.rowCount())]

    @Slot(str)
    def _on_query_changed(self, query: str) -> None:
        self._model.clear()
        found = [(rank, entry) for entry in self._actions.usable() if (rank := _rank(query, entry)) is not None]
        for _, entry in sorted(found, key=lambda pair: pair[0]):
            self._model.appendRow(_item_of(entry))
        if found:
            self._list.setCurrentIndex(self._model.index(0, 0))

    @Slot(QModelIndex)
    def _on_chosen(self, index: QModelIndex) -> None:
        action = index.data(_ACTION_ROLE)
        self.hide()
        if isinstance(action, QAction):
            action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Give the list the keys that move and choose, the line everything else."""
        if watched is not self._query or not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._on_chosen(self._list.currentIndex())
            case Qt.Key.Key_Down:
                self._move(1)
            case Qt.Key.Key_Up:
                self._move(-1)
            case _:
                return False
        return True

    def _move(self, rows: int) -> None:
        row = (self._list.currentIndex().row() + rows) % max(1, self._model.rowCount())
        self._list.setCurrentIndex(self._model.index(row, 0))


def _item_of(entry: RegisteredAction) -> QStandardItem:
    shortcut = entry.action.shortcut().toString()
    item = QStandardItem(entry.action.icon(), f"{entry.title}    {shortcut}" if shortcut else entry.title)
    item.setData(entry.action, _ACTION_ROLE)
    item.setSizeHint(QSize(0, _ROW_PX))
    return item


def _rank(query: str, entry: RegisteredAction) -> tuple[int, int, str] | None:
    """Lower is better: words that start with the query, then letters in order; None where they are not."""
    title, letters = entry.title.lower(), query.lower().strip()
    if any(word.startswith(letters) for word in title.split()) or not letters:
        return (0, title.find(letters), title)
    if letters in title:
        return (1, title.find(letters), title)
    rest = iter(title)
    return (2, len(title), title) if all(letter in rest for letter in letters.replace(" ", "")) else None
