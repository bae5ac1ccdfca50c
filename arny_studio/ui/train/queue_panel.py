"""The trainings that wait for their turn: their order, and whether the queue works through them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QToolButton

from arny_studio.jobs.queue import EntryState, QueueEntry
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.chip import Tone
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel
from arny_studio.ui.widgets.layout import row, space
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import button, plain_tooltip

_TONES: dict[EntryState, Tone] = {
    "waiting": "neutral", "running": "accent", "finished": "success", "stopped": "warning", "failed": "danger",
    "missing": "danger",
}  # fmt: skip
_STATE_PX, _MOST_LINES, _LINE_PX = 78, 5, 34


class QueuedRun(Struct, frozen=True, kw_only=True):
    """An entry of the queue, and what people call its run."""

    entry: QueueEntry
    title: str


class QueueModel(ItemsModel[QueuedRun]):
    """Title and state of each entry."""

    columns = ("Run", "")

    def cell(self, item: QueuedRun, column: int, role: int) -> Any:
        """The title as text, the state as a chip."""
        if column == 0:
            return item.title if role == Qt.ItemDataRole.DisplayRole else None
        return [(item.entry.state, _TONES[item.entry.state])] if role == CHIPS_ROLE else None

    def tooltip(self, item: QueuedRun, column: int) -> str:
        """Why it stands as it does."""
        return item.entry.sentence or item.entry.run


class QueuePanel(Card):
    """Hidden while nothing is queued. Only what waits can be moved or taken out."""

    moved = Signal(str, int)  # run, its new place among those that wait, from 0
    removed = Signal(str)
    opened = Signal(str)
    start_requested = Signal()
    stop_requested = Signal()
    tidy_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__("Queue", flush=True)
        self.model = QueueModel(self)
        self.view = Table(self.model, {1: _STATE_PX}, 0)
        self.view.horizontalHeader().hide()
        self.view.setItemDelegate(CellDelegate(theme, self.view))
        self.view.setAccessibleName("Queued trainings")
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.toggle = button("Start queue")
        self.up, self.down, self.take, self.tidy = (
            _tool(theme, icon, name)
            for icon, name in (
                ("chevron-up", "Run it earlier"), ("chevron-down", "Run it later"), ("close", "Take it out of the queue"),
                ("check", "Forget those that have ended"),
            )
        )  # fmt: skip
        tools = row(self.toggle, 1, self.up, self.down, self.take, self.tidy, gap="xs")
        tools.setContentsMargins(space("m"), space("xs"), space("s"), space("s"))
        self.add(self.view)
        self.add(tools)
        self.body.setSpacing(0)
        self._is_working = False
        self._connect()
        self.show_queue((), is_working=False)

    def show_queue(self, entries: tuple[QueuedRun, ...], *, is_working: bool) -> None:
        """Show what is queued; `is_working` says whether a queue worker takes the next one."""
        chosen = self.chosen
        if tuple(self.model.items) != entries:
            self.model.show_items(entries)
            line = next((line for line, each in enumerate(entries) if chosen and each.entry.run == chosen.run), None)
            if line is not None:
                self.view.select_line(line)
        self._is_working = is_working
        self.toggle.setText("Pause queue" if is_working else "Start queue")
        said = (
            "No further training is begun; the one that runs goes on." if is_working else "Train one after the other."
        )
        plain_tooltip(self.toggle, said)
        self.setVisible(bool(entries))
        self.setMaximumHeight(90 + _LINE_PX * min(_MOST_LINES, max(1, len(entries))))
        self._allow()

    @property
    def chosen(self) -> QueueEntry | None:
        """The entry that is selected."""
        index = self.view.currentIndex()
        return self.model.items[index.row()].entry if index.isValid() else None

    @property
    def waiting(self) -> list[str]:
        """The runs that wait, the next one first."""
        return [each.entry.run for each in self.model.items if each.entry.state == "waiting"]

    def _connect(self) -> None:
        self.toggle.clicked.connect(self._on_toggle_clicked)
        self.up.clicked.connect(self._on_up_clicked)
        self.down.clicked.connect(self._on_down_clicked)
        self.take.clicked.connect(self._on_take_clicked)
        self.tidy.clicked.connect(self.tidy_requested)
        self.view.doubleClicked.connect(self._on_double_clicked)
        self.view.selectionModel().currentChanged.connect(self._allow)

    @Slot()
    def _allow(self, *_: object) -> None:
        waiting, chosen = self.waiting, self.chosen
        place = waiting.index(chosen.run) if chosen is not None and chosen.run in waiting else None
        self.up.setEnabled(place is not None and place > 0)
        self.down.setEnabled(place is not None and place < len(waiting) - 1)
        self.take.setEnabled(place is not None)
        self.tidy.setEnabled(any(each.entry.is_over for each in self.model.items))
        self.toggle.setEnabled(self._is_working or bool(waiting))

    @Slot()
    def _on_toggle_clicked(self) -> None:
        (self.stop_requested if self._is_working else self.start_requested).emit()

    @Slot()
    def _on_up_clicked(self) -> None:
        self._move(-1)

    @Slot()
    def _on_down_clicked(self) -> None:
        self._move(1)

    def _move(self, places: int) -> None:
        chosen = self.chosen
        if chosen is not None and chosen.run in self.waiting:
            self.moved.emit(chosen.run, self.waiting.index(chosen.run) + places)

    @Slot()
    def _on_take_clicked(self) -> None:
        if self.chosen is not None:
            self.removed.emit(self.chosen.run)

    @Slot(QModelIndex)
    def _on_double_clicked(self, index: QModelIndex) -> None:
        self.opened.emit(self.model.items[index.row()].entry.run)


def _tool(theme: ThemeSwitcher, icon: str, name: str) -> QToolButton:
    made = QToolButton()
    made.setIconSize(QSize(14, 14))
    made.setAccessibleName(name)
    made.setToolTip(name)
    theme.dress(made, icon, "text_muted")
    return made
