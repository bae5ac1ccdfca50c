"""The Data page: documents, their problems and statistics at the left, the rows, and the selected row at the right."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QLayout, QMenu, QSplitter, QStackedWidget, QTabBar, QTabWidget, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.data.document_bars import DocumentBars
from arny_studio.ui.data.filter_bar import FilterBar
from arny_studio.ui.data.inspector import Inspector
from arny_studio.ui.data.problems_panel import ProblemsPanel
from arny_studio.ui.data.rows_table import RowsTable
from arny_studio.ui.data.statistics_panel import StatisticsPanel
from arny_studio.ui.data.table_model import RowsModel
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.empty_state import EmptyState
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.text import as_tooltip, button, elided, label, plain_tooltip, set_property

PROBLEMS, STATISTICS = range(2)
_SIDE_PX, _INSPECTOR_PX = 250, 390
_LEAST_SIDE_PX, _LEAST_TABLE_PX, _LEAST_INSPECTOR_PX = 230, 300, 320  # side by side in a window of 1,000 px
_SIDE_FOLDS_BELOW_PX = 1120


class DataTab(QWidget):
    """Shows what the controller hands it; says what the user wants."""

    open_requested = Signal()
    generate_requested = Signal()
    demo_requested = Signal()
    bulk_requested = Signal()
    save_requested = Signal()
    train_requested = Signal()
    file_dropped = Signal(object)  # Path
    recent_chosen = Signal(object)  # Path
    document_chosen = Signal(int)  # number of its tab
    document_close_requested = Signal(int)
    key_selected = Signal(object)  # key of the row that the cursor is on, or None

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self._theme = theme
        self._is_side_wanted = True
        self._is_quiet = False
        self.rows = RowsModel(self)
        self.table = RowsTable(self.rows, theme)
        self.bars = DocumentBars(theme)
        self.filter = FilterBar(theme)
        self.inspector = Inspector(theme, contract)
        self.problems = ProblemsPanel(theme)
        self.statistics = StatisticsPanel(theme)
        self._build_buttons()
        self.pages = QStackedWidget()
        self.pages.addWidget(self._build_empty())
        self.pages.addWidget(self._build_body())
        self._frame = QVBoxLayout(self)
        self._frame.setContentsMargins(space("xl"), space("l"), space("xl"), space("l"))
        self._frame.addWidget(self.pages)
        self._connect()

    def show_recent(self, paths: list[Path]) -> None:
        """Fill the menu of recent files."""
        self._recent.clear()
        for path in paths:
            action = QAction(path.name.replace("&", "&&"), self._recent)
            action.setData(path)
            action.setToolTip(as_tooltip(str(path)))
            self._recent.addAction(action)
        self._recent_button.setEnabled(bool(paths))

    def show_documents(self, names: list[tuple[str, str]], current: int) -> None:
        """The open documents as tabs (name, path); one alone needs none."""
        blocked = self.document_tabs.blockSignals(True)
        while self.document_tabs.count():
            self.document_tabs.removeTab(0)
        for name, path in names:
            number = self.document_tabs.addTab(elided(name, 60).replace("&", "&&"))
            self.document_tabs.setTabToolTip(number, as_tooltip(path))
        self.document_tabs.setCurrentIndex(current)
        self.document_tabs.setVisible(len(names) > 1)
        self.document_tabs.blockSignals(blocked)
        self.pages.setCurrentIndex(1 if names else 0)

    def show_head(self, name: str, about: str, path: str, *, is_changed: bool) -> None:
        """Name of the document, whether it has unsaved edits, and one line about it."""
        self._head.title.setText(f"{name}  •" if is_changed else name)
        self._head.about.setText(about)
        self.save_button.setEnabled(is_changed)
        plain_tooltip(self.save_button, "Ctrl+S" if is_changed else "There is nothing to save.")
        for target in (self._head.title, self._head.about):
            plain_tooltip(target, f"{path} (unsaved edits)" if is_changed else path)
        self.window().setWindowModified(is_changed)

    @property
    def title(self) -> str:
        """What the head says the document is called."""
        return self._head.title.text()

    def say(self, sentence: str) -> None:
        """What was just done, below the table."""
        self._said.setText(sentence)

    def show_rows(self, key: int | None) -> None:
        """The model lists other rows: put the cursor on this one, or on the first."""
        line = self.rows.line_of(key) if key is not None else None
        if line is None and self.rows.rowCount():
            line = 0
        if line is not None:
            self.table.select_line(line)
        else:
            self.key_selected.emit(None)

    def select_key(self, key: int) -> bool:
        """Put the cursor on a row; False where the filter hides it."""
        line = self.rows.line_of(key)
        if line is not None:
            self.table.select_line(line)
        return line is not None

    def step(self, lines: int) -> bool:
        """Put the cursor on the row before or after; False at the end."""
        line = self.table.currentIndex().row() + lines
        is_there = 0 <= line < self.rows.rowCount()
        if is_there:
            self.table.select_line(line)
        return is_there

    def show_side(self, page: int | None = None) -> None:
        """Unfold the left panel, at PROBLEMS or STATISTICS."""
        self._is_side_wanted = True
        self._side.show()
        if page is not None:
            self.side_pages.setCurrentIndex(page)

    def fold_side(self) -> None:
        """Fold the left panel, or unfold it."""
        self._is_side_wanted = self._side.isHidden()
        self._side.setVisible(self._is_side_wanted)

    def more_menu(self) -> QMenu:
        """The menu behind "More", to be filled from the registry."""
        return self._more

    def _build_buttons(self) -> None:
        self.open_button = button("Open…")
        self._recent_button = button("Recent")
        self._recent = QMenu(self._recent_button)
        self._recent.setToolTipsVisible(True)
        self._recent_button.setMenu(self._recent)
        self._recent_button.setProperty("has_menu", "true")
        self._more_button = button("More")
        self._more = QMenu(self._more_button)
        self._more_button.setMenu(self._more)
        self._more_button.setProperty("has_menu", "true")
        self.bulk_button = button("Bulk edit…", tooltip="Find and replace, set fields, repair, drop duplicates")
        self.save_button = button("Save")
        self.train_button = button("Train on this", "primary")
        for target, icon in ((self.open_button, "open"), (self.bulk_button, "command"), (self.save_button, "download")):
            self._theme.dress(target, icon, "text_muted")
            target.setIconSize(QSize(16, 16))

    def _build_empty(self) -> QWidget:
        self._empty_open = button("Open a file…", "primary")
        self._empty_generate = button("Generate…")
        self._empty_demo = button("Open the demo dataset")
        sentence = "Open a file of conversations, drop one here, or let the generator write one."
        choices = (self._empty_open, self._empty_generate, self._empty_demo)
        return EmptyState(self._theme, "data", "No dataset is open", sentence, *choices)

    def _build_body(self) -> QWidget:
        self.document_tabs = QTabBar()
        self.document_tabs.setTabsClosable(True)
        self.document_tabs.setDocumentMode(True)
        self.document_tabs.setExpanding(False)
        self.document_tabs.setAccessibleName("Open documents")
        self.document_tabs.hide()
        buttons = (self._recent_button, self.open_button, self.bulk_button, self._more_button, self.save_button)
        self._head = PageHead("", "", *buttons, self.train_button)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, stretch in ((self._build_side(), 0), (self._build_rows(), 1), (self.inspector, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
        self.splitter.setSizes([_SIDE_PX, 10_000, _INSPECTOR_PX])
        self.splitter.setHandleWidth(space("m"))
        self.splitter.setChildrenCollapsible(False)
        self.inspector.setMinimumWidth(_LEAST_INSPECTOR_PX)
        body = QWidget()
        layout = column(self.document_tabs, self._head, self.bars, gap="m")
        layout.addWidget(self.splitter, 1)
        body.setLayout(layout)
        return body

    def _build_side(self) -> QWidget:
        self.side_pages = QTabWidget()
        self.side_pages.setDocumentMode(True)
        for page, title in ((self.problems, "Problems"), (self.statistics, "Statistics")):
            layout = page.layout()
            assert layout is not None
            layout.setContentsMargins(space("xs"), space("s"), space("xs"), 0)
            self.side_pages.addTab(page, title)
        self._side = Card()
        self._side.body.setContentsMargins(space("s"), space("s"), space("s"), space("s"))
        self._side.add(self.side_pages, 1)
        self._side.setMinimumWidth(_LEAST_SIDE_PX)
        return self._side

    def _build_rows(self) -> QWidget:
        card = Card(flush=True)
        card.body.setSpacing(0)
        card.add(_padded(column(self.filter)))
        card.add(self.table, 1)
        self._said = label(role="caption")
        foot = row(self._said, 1)
        foot.setContentsMargins(space("m"), space("xs"), space("m"), space("xs"))
        card.add(holder(foot))
        card.setMinimumWidth(_LEAST_TABLE_PX)
        return card

    def _connect(self) -> None:
        for source in (self.open_button, self._empty_open):
            source.clicked.connect(self.open_requested)
        self._empty_generate.clicked.connect(self.generate_requested)
        self._empty_demo.clicked.connect(self.demo_requested)
        self.bulk_button.clicked.connect(self.bulk_requested)
        self.save_button.clicked.connect(self.save_requested)
        self.train_button.clicked.connect(self.train_requested)
        self._recent.triggered.connect(self._on_recent_triggered)
        self.document_tabs.currentChanged.connect(self.document_chosen)
        self.document_tabs.tabCloseRequested.connect(self.document_close_requested)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)
        self.filter.select_all_requested.connect(self.table.selectAll)
        self.filter.columns_menu.aboutToShow.connect(partial(self.table.fill_menu, self.filter.columns_menu))
        self.inspector.step_requested.connect(self.step)
        self.inspector.editor.left.connect(self.table.setFocus)

    @Slot(QAction)
    def _on_recent_triggered(self, action: QAction) -> None:
        self.recent_chosen.emit(action.data())

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and current.row() < self.rows.rowCount():
            self.key_selected.emit(self.rows.key_at(current.row()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the left panel where there is little room, and bring it back where there is more."""
        super().resizeEvent(event)
        self._side.setVisible(self._is_side_wanted and event.size().width() >= _SIDE_FOLDS_BELOW_PX)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take local files, and show that they will be taken."""
        if _dropped_paths(event):
            event.acceptProposedAction()
            set_property(self.pages, "is_drop_target", True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """They go elsewhere."""
        set_property(self.pages, "is_drop_target", False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        set_property(self.pages, "is_drop_target", False)
        for path in _dropped_paths(event):
            event.acceptProposedAction()
            self.file_dropped.emit(path)


def _dropped_paths(event: QDropEvent) -> list[Path]:
    urls = event.mimeData().urls()
    paths = [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
    return [path for path in paths if path.is_file()]


def _padded(layout: QLayout) -> QWidget:
    layout.setContentsMargins(space("m"), space("m"), space("m"), space("s"))
    return holder(layout)
