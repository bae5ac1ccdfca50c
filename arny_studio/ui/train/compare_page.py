"""Several runs at once: their curves over one another, and a table of what came out and of what differs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHeaderView, QSplitter, QWidget

from arny_studio.jobs.comparison import Comparison
from arny_studio.jobs.state import RunState
from arny_studio.ui.runs.compare_table import RUN_ROLES, CompareDelegate, CompareModel, Line, lines_of
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.curve_series import COMPARED, X_KINDS, Compared, compared_series, x_words
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.plot_panel import PlotPanel
from arny_studio.ui.widgets.series import Series
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import label
from arny_studio.ui.wording import count_in_words

_NONE_YET = "Select several runs in the list: hold Ctrl, or Shift for a range."
_GROUP_PX, _NAME_PX, _RUN_PX = 64, 150, 170


class ComparedRun(Struct, frozen=True, kw_only=True):
    """One run of the comparison: a key that is its own, its title, what its events told, its tags and note."""

    key: str
    title: str
    state: RunState
    tags: tuple[str, ...] = ()
    note: str = ""


class ComparePage(QWidget):
    """Shows what it is handed; says when it is left."""

    closed = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._runs: Sequence[ComparedRun] = ()
        self.curve = Choice("Curve")
        self.curve.setFixedWidth(170)
        for compared in COMPARED:
            self.curve.addItem(compared.title, compared.key)
        self.over = Choice("X axis")
        self.over.setFixedWidth(104)
        for kind in X_KINDS:
            self.over.addItem(kind.capitalize(), kind)
        self.log = QCheckBox("Log")
        self._head = PageHead("Compare runs", _NONE_YET)
        self.plot = PlotPanel(theme, "Curves", words=lambda value: f"{value:.4g}", least_px=160, legend="lines")
        self.model = CompareModel(self)
        self.table = Table(self.model, {0: _GROUP_PX, 1: _NAME_PX}, 1)
        self.table.setItemDelegate(CompareDelegate(theme, self.table))
        self.table.setAccessibleName("Figures and differences of the runs")
        results = Card("Results and differences", flush=True)
        results.add(self.table, 1)
        body = QSplitter(Qt.Orientation.Vertical)
        body.addWidget(self.plot)
        body.addWidget(results)
        body.setSizes([360, 340])
        body.setHandleWidth(space("m"))
        body.setChildrenCollapsible(False)
        controls = row(self.curve, label("over", "caption"), self.over, self.log, 1, gap="s")
        layout = column(self._head, controls, gap="m")
        layout.addWidget(body, 1)
        self.setLayout(layout)
        self.curve.currentIndexChanged.connect(self._on_axes_changed)
        self.over.currentIndexChanged.connect(self._on_axes_changed)
        self.log.toggled.connect(self.plot.set_log)
        self.plot.pointed.connect(self.plot.show_cross)

    def show_runs(self, runs: Sequence[ComparedRun], comparison: Comparison) -> None:
        """Show two or more runs. `comparison` is of the same runs in the same order."""
        self._runs = runs
        about = count_in_words(len(runs), "run")
        self._head.about.setText(f"{about}, only what differs is listed below." if len(runs) > 1 else _NONE_YET)
        self._show_table([*lines_of(comparison), *_notes(runs)], [run.title for run in runs])
        self._show_curves()

    @property
    def compared(self) -> Compared:
        """Which curve is shown."""
        return next(each for each in COMPARED if each.key == self.curve.currentData())

    def _show_table(self, lines: list[Line], titles: list[str]) -> None:
        if lines == list(self.model.items) and self.model.columns[2:] == tuple(titles):
            return
        self.model.show_comparison(lines, titles)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        self.table.setColumnWidth(0, _GROUP_PX)
        self.table.setColumnWidth(1, _NAME_PX)
        header.setMinimumSectionSize(48)
        for number in range(len(titles)):
            header.setSectionResizeMode(2 + number, QHeaderView.ResizeMode.Stretch)

    def _show_curves(self) -> None:
        compared, kind = self.compared, self.over.currentData()
        self.plot.set_x_words(x_words(kind))
        self.plot.set_words(compared.words)
        self.plot.title.setText(compared.title)
        series: list[Series] = []
        for number, run in enumerate(self._runs):
            points = compared_series(run.state.curve, compared, kind)
            role = RUN_ROLES[number % len(RUN_ROLES)]
            series.append(Series(key=run.key, title=run.title, x=points[0], y=points[1], role=role))
        self.plot.show_series(series)

    @Slot(int)
    def _on_axes_changed(self, _line: int) -> None:
        self._show_curves()


def _notes(runs: Sequence[ComparedRun]) -> list[Line]:
    """Tags and notes, where any run has some."""
    tags = Line(group="Notes", name="tags", cells=tuple(", ".join(run.tags) for run in runs))
    notes = Line(group="Notes", name="note", cells=tuple(run.note.replace("\n", " ") for run in runs))
    return [line for line in (tags, notes) if any(line.cells)]
