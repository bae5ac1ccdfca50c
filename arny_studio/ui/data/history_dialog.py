"""History of a dataset: its snapshots, what is different now row by row, and the way back."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QSplitter, QWidget

from arny_studio.dataset.snapshots import Snapshot
from arny_studio.ui.data.diff_view import DiffView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import allow, button, label
from arny_studio.ui.wording import bytes_in_words, moment_in_words

_REASONS = {
    "save": ("before a save", "neutral"), "bulk": ("before a bulk edit", "accent"), "named": ("named", "success"),
    "outside": ("changed outside", "warning"),
}  # fmt: skip


class SnapshotsModel(ItemsModel[Snapshot]):
    """Snapshots, the newest first."""

    columns = ("When", "What", "Why")

    def cell(self, item: Snapshot, column: int, role: int) -> Any:
        """Moment, title, and the reason as a chip."""
        if column == 2 and role == CHIPS_ROLE:
            return [_REASONS.get(item.reason, (item.reason, "neutral"))]
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (moment_in_words(item.at.timestamp()), item.title, "")[column]

    def tooltip(self, item: Snapshot, column: int) -> str:
        """Size and rows."""
        rows = f"{item.rows:,} rows, " if item.rows is not None else ""
        return f"{item.title}: {rows}{bytes_in_words(item.size)}"


class RowChange(Struct, frozen=True):
    """One row that is different: what happened since, and its text then and now."""

    what: str
    row: int
    before: bytes
    after: bytes


class ChangesModel(ItemsModel[RowChange]):
    """Rows that are different now."""

    columns = ("Row", "Since then")

    def cell(self, item: RowChange, column: int, role: int) -> Any:
        """Row number and what happened."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (f"{item.row + 1:,}", item.what)[column]


class HistoryDialog(QDialog):
    """Shows; the comparing and restoring is done elsewhere."""

    compare_requested = Signal(object)  # Snapshot
    restore_requested = Signal(object)  # Snapshot
    name_requested = Signal()

    def __init__(self, theme: ThemeSwitcher, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("History")
        self.resize(1000, 620)
        self.snapshots = SnapshotsModel(self)
        self.table = Table(self.snapshots, {0: 110, 2: 140}, 1)
        self.table.setItemDelegate(CellDelegate(theme, self.table))
        self.table.setAccessibleName("Snapshots")
        self.changes = ChangesModel(self)
        self.changes_table = Table(self.changes, {0: 90}, 1)
        self.changes_table.setAccessibleName("Rows that are different now")
        self.diff = DiffView(theme)
        self.state = label("Choose a snapshot to see what has changed since.", "muted", wraps=True)
        self.restore_button = button("Go back to it", "primary")
        self.name_button = button("Keep a named snapshot…")
        close = button("Close")
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget in (self.table, self.changes_table, self.diff):
            splitter.addWidget(widget)
        splitter.setSizes([420, 190, 360])
        splitter.setHandleWidth(space("s"))
        splitter.setChildrenCollapsible(False)
        about = "Snapshots are kept before the first save of a day, before bulk edits, and where you name one."
        layout = column(label("History", "heading"), label(about, "muted", wraps=True), gap="m", margin="xl")
        layout.addWidget(splitter, 1)
        layout.addWidget(self.state)
        layout.addLayout(row(self.name_button, 1, close, self.restore_button))
        self.setLayout(layout)
        close.clicked.connect(self.reject)
        self.name_button.clicked.connect(self.name_requested)
        self.restore_button.clicked.connect(self._on_restore_clicked)
        self.table.selectionModel().currentRowChanged.connect(self._on_snapshot_changed)
        self.changes_table.selectionModel().currentRowChanged.connect(self._on_change_changed)
        allow(self.restore_button, False, "Choose a snapshot first.")

    @property
    def current(self) -> Snapshot | None:
        """The chosen snapshot."""
        index = self.table.currentIndex()
        return self.snapshots.items[index.row()] if index.isValid() else None

    def show_snapshots(self, snapshots: list[Snapshot]) -> None:
        """The snapshots there are, the newest first."""
        self.snapshots.show_items(snapshots)
        if not snapshots:
            self.state.setText("There is no snapshot yet.")

    def show_changes(self, sentence: str, changes: list[RowChange]) -> None:
        """What has changed since the chosen snapshot."""
        self.state.setText(sentence)
        self.changes.show_items(changes)
        self.diff.show_nothing()
        if changes:
            self.changes_table.select_line(0)

    @Slot(QModelIndex, QModelIndex)
    def _on_snapshot_changed(self, _current: QModelIndex, _previous: QModelIndex) -> None:
        allow(self.restore_button, self.current is not None, "Choose a snapshot first.")
        if self.current is not None:
            self.show_changes("Comparing row by row…", [])
            self.compare_requested.emit(self.current)

    @Slot(QModelIndex, QModelIndex)
    def _on_change_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            change = self.changes.items[current.row()]
            self.diff.show_change(change.before.decode("utf-8", "replace"), change.after.decode("utf-8", "replace"))

    @Slot()
    def _on_restore_clicked(self) -> None:
        if self.current is not None:
            self.restore_requested.emit(self.current)
