"""The problems of the whole file: kinds sorted by severity with their counts, and the rows of the chosen kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QWidget

from arny_studio.dataset.problems import KINDS, SEVERITIES, Kind
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel
from arny_studio.ui.widgets.layout import column, holder, row
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import allow, button, label

_TONES = {"error": "danger", "warning": "warning", "note": "neutral"}
_KIND, _COUNT = 0, 1


class KindCount(Struct, frozen=True):
    """A kind of problem and how many rows have it."""

    kind: Kind
    count: int


class KindsModel(ItemsModel[KindCount]):
    """Kinds that occur, the gravest first, then the most frequent."""

    columns = ("Problem", "Rows")

    def cell(self, item: KindCount, column: int, role: int) -> Any:
        """The title, and the count as a chip in the colour of the severity."""
        if column == _COUNT and role == CHIPS_ROLE:
            return [(f"{item.count:,}", _TONES[item.kind.severity])]
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return item.kind.title if column == _KIND else f"{item.count:,}"

    def tooltip(self, item: KindCount, column: int) -> str:
        """What the kind means."""
        return item.kind.sentence


class ProblemsPanel(QWidget):
    """Click a kind to list its rows in the table, double-click or Enter to go to the first one; fix one or all."""

    kind_chosen = Signal(str)  # kind id: filter the table by it
    fix_all_requested = Signal(str)
    fix_row_requested = Signal(str)
    next_requested = Signal(str)
    check_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.kinds = KindsModel(self)
        self.table = Table(self.kinds, {_COUNT: 86}, _KIND)
        self.table.setItemDelegate(CellDelegate(theme, self.table))
        self.table.setAccessibleName("Kinds of problems")
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.state = label(role="muted", wraps=True)
        self.check_button = button("Check now")
        self._nothing = label("No row has a problem. “Check now” looks for near duplicates, too.", "muted", wraps=True)
        self._nothing.hide()
        self._about = label(role="caption", wraps=True)
        self._extra = label(role="caption", wraps=True)
        self.next_button = button("Next row", tooltip="Go to the next row with this problem")
        self.fix_row_button = button("Fix this row…")
        self.fix_all_button = button("Fix all…")
        # Two lines of buttons: three beside each other are wider than the panel.
        fixes = row(self.fix_row_button, self.fix_all_button, gap="xs")
        self._details = holder(column(self._about, self.next_button, fixes, gap="xs"))
        head = row(self.state, gap="s")
        head.setStretch(0, 1)
        head.addWidget(self.check_button)
        layout = column(head, self._nothing, gap="s")
        layout.addWidget(self.table, 1)
        layout.addWidget(self._extra)
        layout.addWidget(self._details)
        layout.addStretch(0)
        self.setLayout(layout)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)
        self.table.clicked.connect(self._on_clicked)
        self.table.doubleClicked.connect(self._on_next)
        self.next_button.clicked.connect(self._on_next)
        self.fix_row_button.clicked.connect(self._on_fix_row)
        self.fix_all_button.clicked.connect(self._on_fix_all)
        self.check_button.clicked.connect(self.check_requested)
        self._show_details(None)

    @property
    def current(self) -> Kind | None:
        """The kind that is selected."""
        index = self.table.currentIndex()
        return self.kinds.items[index.row()].kind if index.isValid() else None

    def show_counts(self, counts: Mapping[str, int], notes: Sequence[str] = (), *, is_checked: bool = True) -> None:
        """Rows per kind of problem, and sentences about the file as a whole; the selected kind stays selected.

        `is_checked`: no counts mean that there is no problem, and not that nobody has looked yet.
        """
        kept = self.current
        found = [KindCount(kind, counts[kind.id]) for kind in KINDS if counts.get(kind.id)]
        found.sort(key=lambda item: (SEVERITIES.index(item.kind.severity), -item.count))
        self.kinds.show_items(found)
        self.table.setVisible(bool(found))
        self._nothing.setVisible(is_checked and not found)
        self._extra.setText("\n".join(notes))
        self._extra.setVisible(bool(notes))
        line = next((number for number, item in enumerate(found) if kept is not None and item.kind.id == kept.id), None)
        if line is not None:
            self.table.select_line(line)
        self._show_details(kept if line is not None else None)

    def show_state(self, sentence: str, *, can_check: bool = True) -> None:
        """What the check is doing, or how fresh it is."""
        self.state.setText(sentence)
        self.check_button.setVisible(can_check)

    def _show_details(self, kind: Kind | None) -> None:
        self._details.setVisible(kind is not None)
        if kind is None:
            return
        self._about.setText(kind.sentence)
        reason = "" if kind.fix else "Only a person can repair this; go through the rows."
        allow(self.fix_all_button, bool(kind.fix), reason, tooltip=kind.fix)
        allow(self.fix_row_button, bool(kind.fix), reason, tooltip=kind.fix)

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        self._show_details(self.kinds.items[current.row()].kind if current.isValid() else None)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        self.kind_chosen.emit(self.kinds.items[index.row()].kind.id)

    @Slot()
    def _on_next(self, *_: object) -> None:
        self._say(self.next_requested)

    @Slot()
    def _on_fix_row(self) -> None:
        self._say(self.fix_row_requested)

    @Slot()
    def _on_fix_all(self) -> None:
        self._say(self.fix_all_requested)

    def _say(self, signal: Any) -> None:
        kind = self.current
        if kind is not None:
            signal.emit(kind.id)
