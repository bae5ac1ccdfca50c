"""The Data page: the rows of a dataset, the selected sample beside them, problems below."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QLayout, QLineEdit, QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.data.problems_model import ProblemsModel
from arny_studio.ui.data.rows_delegate import RowsDelegate
from arny_studio.ui.data.rows_model import (
    COMPLEXITY,
    CONFIDENCE,
    FLAGS,
    INTENT,
    JOURNEY,
    PROBLEMS,
    QUERY,
    ROW,
    RowsModel,
)
from arny_studio.ui.data.sample_view import SampleView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.empty_state import EmptyState
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import button, label, plain_tooltip, set_property

_ROW_WIDTHS = {ROW: 64, INTENT: 150, JOURNEY: 140, COMPLEXITY: 104, CONFIDENCE: 108, FLAGS: 124, PROBLEMS: 80}
_HIDDEN_BELOW = {INTENT: 1000, CONFIDENCE: 860, FLAGS: 640, PROBLEMS: 480}
_FILTER_DELAY_MS = 180
_CHECK_LINE_PX = 52
QWIDGETSIZE_MAX = (1 << 24) - 1  # Qt's own number for "as large as you like"


class DataTab(QWidget):
    """Shows what the controller hands it; says what the user wants."""

    open_requested = Signal()
    generate_requested = Signal()
    demo_requested = Signal()
    check_requested = Signal()
    train_requested = Signal()
    file_dropped = Signal(object)  # Path
    recent_chosen = Signal(object)  # Path
    filter_changed = Signal(str)
    row_selected = Signal(int)  # of the document
    problem_chosen = Signal(int)  # line of the problems list

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.rows = RowsModel(contract, self)
        self.problems = ProblemsModel(self)
        self.sample = SampleView(theme, contract)
        self._filter_timer = QTimer(self, singleShot=True, interval=_FILTER_DELAY_MS)
        self._build_buttons(theme)
        self._build_table(theme, contract)
        self._build_problems(theme)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._build_empty(theme))
        self.pages.addWidget(self._build_body())
        self._drop_frame = QVBoxLayout(self)
        self._drop_frame.setContentsMargins(space("xl"), space("l"), space("xl"), space("l"))
        self._drop_frame.addWidget(self.pages)
        self._connect()

    def show_recent(self, paths: list[Path]) -> None:
        """Fill the menu of recent files."""
        self._recent.clear()
        for path in paths:
            action = QAction(path.name.replace("&", "&&"), self._recent)
            action.setData(path)
            self._recent.addAction(action)
        self._recent_button.setEnabled(bool(paths))

    def show_dataset(self, name: str, about: str, path: str) -> None:
        """A dataset is open: its name, one line about it, and where it lies for those who ask."""
        self._head_title.setText(name)
        self._head.about.setText(about)
        for target in (self._head_title, self._head.about):
            plain_tooltip(target, path)
        self.filter.clear()
        self.hide_problems()
        self.sample.show_nothing()
        self.pages.setCurrentIndex(1)

    def show_nothing(self) -> None:
        """No dataset is open."""
        self.pages.setCurrentIndex(0)

    def show_count(self, text: str) -> None:
        """How many rows are shown, beside the filter."""
        self._count.setText(text)

    def show_check(self, sentence: str, *, is_good: bool, is_over: bool) -> None:
        """The state of a check of the whole file."""
        tone = "accent" if not is_over else "success" if is_good else "warning"
        self._check_chip.show_as("check" if not is_over else "clean" if is_good else "problems", tone)
        self._check_note.setText(sentence)
        self._problems_card.setVisible(True)
        has_problems = is_over and self.problems.rowCount() > 0
        self._problems_table.setVisible(has_problems)
        self._problems_card.setMaximumHeight(QWIDGETSIZE_MAX if has_problems else _CHECK_LINE_PX)

    def hide_problems(self) -> None:
        """Forget the check of another file."""
        self.problems.show_items(())
        self._problems_card.hide()

    def select_row(self, document_row: int) -> bool:
        """Select a row of the document; False where the filter hides it."""
        line = self.rows.line_of(document_row)
        if line is not None:
            self.table.select_line(line)
        return line is not None

    def step(self, rows: int) -> None:
        """Select the row before or after."""
        line = self.table.currentIndex().row() + rows
        if 0 <= line < self.rows.rowCount():
            self.table.select_line(line)

    def focus_filter(self) -> None:
        """Start searching."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def _build_buttons(self, theme: ThemeSwitcher) -> None:
        self.open_button = button("Open…")
        self._recent_button = button("Recent")
        self._recent = QMenu(self._recent_button)
        self._recent_button.setMenu(self._recent)
        self._recent_button.setProperty("has_menu", "true")
        self.generate_button = button("Generate…")
        self.check_button = button("Check", tooltip="Check every row against the contract")
        self.train_button = button("Train on this", "primary")
        for target, icon in (
            (self.open_button, "open"),
            (self.generate_button, "sparkle"),
            (self.check_button, "check"),
        ):
            theme.dress(target, icon, "text_muted")
            target.setIconSize(QSize(16, 16))

    def _build_table(self, theme: ThemeSwitcher, contract: Contract) -> None:
        self.table = Table(self.rows, _ROW_WIDTHS, QUERY, hidden_below=_HIDDEN_BELOW)
        self.table.setItemDelegate(RowsDelegate(theme, contract.threshold, contract.confidence_floor, self.table))
        self.table.setAccessibleName("Rows of the dataset")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Search queries and answers")
        self.filter.setAccessibleName("Search")
        self.filter.setClearButtonEnabled(True)
        search = QAction(self.filter)
        theme.dress(search, "search", "text_muted")
        self.filter.addAction(search, QLineEdit.ActionPosition.LeadingPosition)
        self._count = label(role="muted")

    def _build_problems(self, theme: ThemeSwitcher) -> None:
        self._check_chip = Chip()
        self._check_note = label(role="muted", wraps=True)
        widths = {0: 80, 1: 90, 2: 260}
        self._problems_table = Table(self.problems, widths, 3, hidden_below={2: 640})
        self._problems_table.setItemDelegate(CellDelegate(theme, self._problems_table))
        self._problems_card = Card(flush=True)
        self._problems_card.add(_padded(row(self._check_chip, self._check_note)))
        self._problems_card.add(self._problems_table, 1)
        self._problems_card.hide()

    def _build_empty(self, theme: ThemeSwitcher) -> QWidget:
        self._empty_open = button("Open a file…", "primary")
        self._empty_generate = button("Generate…")
        self._empty_demo = button("Open the demo dataset")
        sentence = "Open a JSONL file of conversations, drop one here, or let the generator write one."
        choices = (self._empty_open, self._empty_generate, self._empty_demo)
        return EmptyState(theme, "data", "No dataset is open", sentence, *choices)

    def _build_body(self) -> QWidget:
        buttons = (self._recent_button, self.open_button, self.generate_button, self.check_button, self.train_button)
        self._head = PageHead("", "", *buttons)
        self._head_title = self._head.title
        rows_card = Card(flush=True)
        rows_card.body.setSpacing(0)
        rows_card.add(_padded(row(self.filter, self._count, gap="m")))
        rows_card.add(self.table, 1)
        left = QSplitter(Qt.Orientation.Vertical)
        left.addWidget(rows_card)
        left.addWidget(self._problems_card)
        left.setStretchFactor(0, 3)
        left.setStretchFactor(1, 1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.sample)
        self.splitter.setStretchFactor(0, 7)
        self.splitter.setStretchFactor(1, 4)
        self.splitter.setSizes([790, 400])
        for splitter in (left, self.splitter):
            splitter.setHandleWidth(space("m"))
            splitter.setChildrenCollapsible(False)
        self.sample.setMinimumWidth(320)
        body = QWidget()
        layout = column(self._head, gap="l")
        layout.addWidget(self.splitter, 1)
        body.setLayout(layout)
        return body

    def _connect(self) -> None:
        for source in (self.open_button, self._empty_open):
            source.clicked.connect(self.open_requested)
        for source in (self.generate_button, self._empty_generate):
            source.clicked.connect(self.generate_requested)
        self._empty_demo.clicked.connect(self.demo_requested)
        self.check_button.clicked.connect(self.check_requested)
        self.train_button.clicked.connect(self.train_requested)
        self._recent.triggered.connect(self._on_recent_triggered)
        self.filter.textChanged.connect(self._filter_timer.start)
        self._filter_timer.timeout.connect(self._on_filter_due)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)
        self._problems_table.selectionModel().currentRowChanged.connect(self._on_problem_changed)
        self.sample.step_requested.connect(self.step)

    @Slot(QAction)
    def _on_recent_triggered(self, action: QAction) -> None:
        self.recent_chosen.emit(action.data())

    @Slot()
    def _on_filter_due(self) -> None:
        self.filter_changed.emit(self.filter.text())

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.row_selected.emit(self.rows.row_at(current.row()))

    @Slot(QModelIndex, QModelIndex)
    def _on_problem_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.problem_chosen.emit(current.row())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take one local file, and show that it will be taken."""
        if _dropped_path(event) is not None:
            event.acceptProposedAction()
            set_property(self.pages, "is_drop_target", True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """It goes elsewhere."""
        set_property(self.pages, "is_drop_target", False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        set_property(self.pages, "is_drop_target", False)
        path = _dropped_path(event)
        if path is not None:
            event.acceptProposedAction()
            self.file_dropped.emit(path)


def _dropped_path(event: QDropEvent) -> Path | None:
    urls = event.mimeData().urls()
    local = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
    return local if local is not None and local.is_file() else None


def _padded(layout: QLayout) -> QWidget:
    layout.setContentsMargins(space("m"), space("m"), space("m"), space("m"))
    return holder(layout)
