"""A file of queries through the phone: a line per query as it is answered, the figures of the run, and its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QProgressBar, QStackedWidget, QWidget

from arny_studio.jobs.events import Replied
from arny_studio.ui.chat.inspector import ACTION_WORDS, milliseconds_in_words
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.empty_state import EmptyState
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel
from arny_studio.ui.widgets.layout import clear, column, row, space
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import allow, button, elided, label, set_property

_ROOM_FOR_MEMORY = 720  # pixels of the table; with less, what an imported benchmark expects takes the place of memory
_SHORT = 24  # characters of a name that need no second line
_QUERY, _PATH, _INTENT, _SCORE, _MS, _EXPECTED, _PEAK, _LOADS, _REPLY = range(9)


class RepliesModel(ItemsModel[Replied]):
    """One line per answered query."""

    columns = ("Query", "Path", "Intent", "Score", "Time", "On the phone", "Peak MiB", "Loads", "Reply")
    numbers = frozenset({_SCORE, _MS, _EXPECTED, _PEAK, _LOADS})

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.items: Sequence[Replied] = []

    def add(self, replied: Replied) -> None:
        """Append a line."""
        at = len(self.items)
        self.beginInsertRows(self.index(-1, -1), at, at)
        self.items = [*self.items, replied]
        self.endInsertRows()

    def cell(self, item: Replied, column: int, role: int) -> Any:
        """Chips for the path, text for all else."""
        if role == CHIPS_ROLE:
            return [ACTION_WORDS.get(item.action, (item.action, "neutral"))] if column == _PATH else None
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        decision = item.decision or {}
        expected = "–" if item.expected_ms is None else milliseconds_in_words(item.expected_ms)
        cells = (
            elided(item.query, 200), "", str(decision.get("intent", "–")), str(decision.get("complexity_score", "–")),
            milliseconds_in_words(item.ms), expected, f"{item.peak_mib:,.0f}", str(item.loads), elided(item.reply, 200),
        )  # fmt: skip
        return cells[column].replace("\n", " ")

    def tooltip(self, item: Replied, column: int) -> str:
        """What may be cut off."""
        return {_QUERY: item.query, _REPLY: item.reply}.get(column, "")


class ScriptPage(QWidget):
    """Shows a scripted run; wants a file, a start, an end, and the report."""

    file_requested = Signal()
    run_requested = Signal()
    stop_requested = Signal()
    report_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.file = label("No file chosen", "muted")
        self.file_button = button("Choose queries…", tooltip='JSONL, one {"query": "…"} a line.')
        self.run_button, self.stop_button = button("Run", "primary"), button("Stop", "danger")
        self.report_button = button("Show the report")
        theme.dress(self.run_button, "play", "on_accent")
        theme.dress(self.stop_button, "stop", "danger")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.said = label(role="caption", wraps=True)
        self.model = RepliesModel(self)
        widths = {_QUERY: 240, _PATH: 150, _INTENT: 130, _SCORE: 56, _MS: 78, _EXPECTED: 104, _PEAK: 78, _LOADS: 56}
        hidden = {_REPLY: 900, _INTENT: 640}
        self.table = Table(self.model, widths, _QUERY, hidden_below=hidden)
        self.table.setItemDelegate(CellDelegate(theme, self.table))
        self.table.setColumnWidth(_REPLY, 220)
        self._figures = QGridLayout()
        self._figures.setHorizontalSpacing(space("l"))
        self._figures.setVerticalSpacing(space("xs"))
        self._figures.setColumnStretch(1, 1)
        self._build(theme)
        self.show_run(is_running=False, reason="Choose a file of queries first.")

    def show_file(self, path: Path) -> None:
        """The chosen file; its folder is in the tooltip."""
        self.file.setText(elided(path.name, 200))
        self.file.setToolTip(str(path))

    def show_run(
        self, *, is_running: bool, reason: str = "", done: int = 0, total: int = 0, said: str = "", failed: bool = False
    ) -> None:
        """How far it is, why none can be started, or how it ended."""
        allow(self.run_button, not is_running and not reason, reason or "It runs already.")
        self.stop_button.setVisible(is_running)
        self.file_button.setEnabled(not is_running)
        self.progress.setVisible(is_running)
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.said.setText(said)
        self.said.setVisible(bool(said))
        set_property(self.said, "role", "danger" if failed else "caption")
        self._pages.setCurrentIndex(1 if self.model.items else 0)

    def show_figures(self, figures: Sequence[tuple[str, str]], *, has_report: bool) -> None:
        """The figures of the run so far."""
        clear(self._figures)
        self._figures_card.setVisible(bool(figures))
        has_expected = any(item.expected_ms is not None for item in self.model.items)
        self.table.want(_EXPECTED, has_expected)
        self.table.hide_below(dict.fromkeys((_PEAK, _LOADS), _ROOM_FOR_MEMORY if has_expected else 0))
        for line, (name, value) in enumerate(figures):
            self._figures.addWidget(label(name, "muted", wraps=len(name) > _SHORT), line, 0)
            self._figures.addWidget(label(value, "body", wraps=True, selectable=True), line, 1)
        allow(self.report_button, has_report, "There is no report yet.")

    def _build(self, theme: ThemeSwitcher) -> None:
        bar = Card()
        line = row(self.file_button, gap="m")
        line.addWidget(self.file, 1)
        for made in (self.report_button, self.stop_button, self.run_button):
            line.addWidget(made)
        bar.add(line)
        bar.add(self.progress)
        bar.add(self.said)
        self._figures_card = Card("Figures")
        self._figures_card.add(self._figures)
        self._figures_card.body.addStretch(1)
        self._figures_card.setFixedWidth(300)
        lines = Card("Answered queries", flush=True)
        self._pages = QStackedWidget()
        about = "Each query of the file goes through the phone above, in order; here is what became of each."
        self._pages.addWidget(EmptyState(theme, "phone", "Nothing was run yet", about))
        self._pages.addWidget(self.table)
        lines.add(self._pages, 1)
        body = row(gap="m")
        body.addWidget(lines, 1)
        body.addWidget(self._figures_card)
        layout = column(bar, gap="m")
        layout.addLayout(body, 1)
        self.setLayout(layout)
        self.file_button.clicked.connect(self.file_requested)
        self.run_button.clicked.connect(self.run_requested)
        self.stop_button.clicked.connect(self.stop_requested)
        self.report_button.clicked.connect(self.report_requested)
