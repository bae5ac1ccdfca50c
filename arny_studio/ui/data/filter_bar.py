"""The line above the table: search, what is wrong with the query, saved filters, how many rows, and which columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from arny_studio.ui.data.query_completer import QueryCompleter
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, row
from arny_studio.ui.widgets.text import as_tooltip, button, label, set_property

_DELAY_MS = 150
_ONE_LINE_FROM_PX = 480
_HELP = (
    "Words find text. Scopes narrow it: role:user paris, journey:hotel, complexity>=60, problem:*, status:flagged, "
    "tag:check, /regular expression/. A minus before a term excludes it. Tab takes what is offered."
)


class FilterBar(QWidget):
    """Says what is searched, a moment after the last key."""

    query_changed = Signal(str)
    save_requested = Signal(str)  # the query to be kept
    forget_requested = Signal(str)  # name of a saved filter
    select_all_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._saved: dict[str, str] = {}
        self._timer = QTimer(self, singleShot=True, interval=_DELAY_MS)
        self._build_field(theme)
        self._saved_button = _menu_button(theme, "flag", "Saved filters")
        self.columns_button = _menu_button(theme, "settings", "Columns of the table")
        self.columns_menu = QMenu(self.columns_button)
        self.columns_button.setMenu(self.columns_menu)
        self._saved_menu = QMenu(self._saved_button)
        self._saved_button.setMenu(self._saved_menu)
        self.count = label(role="muted")
        self.select_all = button("Select all", "quiet", tooltip="Select every row that matches")
        self.error = label(role="danger", wraps=True)
        self.error.hide()
        search = row(self.field, self._saved_button, self.columns_button, gap="s")
        search.setStretch(0, 1)
        self._lines = row(search, row(self.count, self.select_all, 1, gap="s"), gap="s")
        self._lines.setStretch(0, 1)
        self.setLayout(column(self._lines, self.error, gap="xs"))
        self._timer.timeout.connect(self._on_due)
        self.select_all.clicked.connect(self.select_all_requested)
        self._saved_menu.aboutToShow.connect(self._fill_saved)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room the count stands below the search, and not in its place."""
        super().resizeEvent(event)
        is_narrow = event.size().width() < _ONE_LINE_FROM_PX
        self._lines.setDirection(QBoxLayout.Direction.TopToBottom if is_narrow else QBoxLayout.Direction.LeftToRight)

    @property
    def query(self) -> str:
        """What is typed."""
        return self.field.text()

    def show_query(self, query: str) -> None:
        """Put another query into the field, without saying so."""
        self._timer.stop()
        blocked = self.field.blockSignals(True)
        self.field.setText(query)
        self.field.blockSignals(blocked)

    def search(self, query: str) -> None:
        """Put a query into the field and search for it at once."""
        self.show_query(query)
        self._on_due()

    def show_count(self, text: str, *, can_select: bool = False) -> None:
        """How many rows there are."""
        self.count.setText(text)
        self.select_all.setVisible(can_select)

    def show_error(self, sentence: str) -> None:
        """What is wrong with the query; empty: nothing."""
        self.error.setText(sentence)
        self.error.setVisible(bool(sentence))
        set_property(self.field, "invalid", "true" if sentence else "")

    def show_saved(self, saved: Mapping[str, str]) -> None:
        """The saved filters: name → query."""
        self._saved = dict(saved)

    def show_words(self, words: Mapping[str, Sequence[str]]) -> None:
        """What there is to filter by, for completion: field → values."""
        self.completer.show_words(words)

    def focus(self) -> None:
        """Start typing."""
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def _build_field(self, theme: ThemeSwitcher) -> None:
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search, or narrow:  journey:hotel  complexity>=60  problem:*")
        self.field.setAccessibleName("Search")
        self.field.setToolTip(as_tooltip(_HELP))
        self.field.setClearButtonEnabled(True)
        search = QAction(self.field)
        theme.dress(search, "search", "text_muted")
        self.field.addAction(search, QLineEdit.ActionPosition.LeadingPosition)
        self.completer = QueryCompleter(self.field)
        self.field.textChanged.connect(self._timer.start)
        self.field.returnPressed.connect(self._on_due)

    def _fill_saved(self) -> None:
        self._saved_menu.clear()
        query = self.query.strip()
        keep = self._saved_menu.addAction("Save this filter" if query else "Type a query to save it")
        keep.setEnabled(bool(query) and query not in self._saved.values())
        keep.triggered.connect(lambda: self.save_requested.emit(query))
        self._saved_menu.addSeparator()
        for name, saved in self._saved.items():
            action = self._saved_menu.addAction(name.replace("&", "&&"))
            action.triggered.connect(partial(self._on_saved_chosen, saved))
        if query in self._saved.values():
            name = next(name for name, saved in self._saved.items() if saved == query)
            self._saved_menu.addSeparator()
            forget = self._saved_menu.addAction("Forget this filter")
            forget.triggered.connect(lambda: self.forget_requested.emit(name))

    def _on_saved_chosen(self, query: str, *_: object) -> None:
        self.search(query)

    @Slot()
    def _on_due(self) -> None:
        self._timer.stop()
        self.query_changed.emit(self.query)


def _menu_button(theme: ThemeSwitcher, icon: str, name: str) -> QToolButton:
    made = QToolButton()
    made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    made.setAccessibleName(name)
    made.setToolTip(as_tooltip(name))
    theme.dress(made, icon, "text_muted")
    return made
