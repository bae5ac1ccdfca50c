"""The Evaluate page: what to score, the scores, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabWidget, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.evaluate.comparison_view import ComparisonView
from arny_studio.ui.evaluate.models import EvaluationsModel, JourneysModel, WrongRowsModel, journey_scores
from arny_studio.ui.evaluate.records import Evaluation, WrongRow
from arny_studio.ui.evaluate.score_tiles import ScoreTiles
from arny_studio.ui.evaluate.setup_card import SetupCard
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.empty_state import EmptyState
from arny_studio.ui.widgets.inputs import CalmComboBox
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import label
from arny_studio.ui.wording import count_in_words, moment_in_words


class EvaluateTab(QWidget):
    """Shows what the controller hands it; says what the user wants."""

    evaluation_selected = Signal(object)  # Evaluation
    baseline_selected = Signal(object)  # Evaluation | None

    def __init__(self, theme: ThemeSwitcher, contract: Contract, models: Path, datasets: Path) -> None:
        super().__init__()
        self.setup = SetupCard(theme, models, datasets)
        self.evaluations = EvaluationsModel(self)
        self.journeys = JourneysModel(self)
        self.wrong = WrongRowsModel(contract, self)
        self.tiles = ScoreTiles()
        self.comparison = ComparisonView(contract)
        self._build_past()
        self._build_details(theme)
        self.pages = QStackedWidget()
        sentence = "Choose a model and held-out samples above. Every evaluation stays here to be compared."
        self.pages.addWidget(EmptyState(theme, "evaluate", "Nothing has been evaluated yet", sentence))
        self.pages.addWidget(self._build_results())
        head = PageHead("Evaluate", "How well a router decides on samples it has not seen.")
        layout = column(head, self.setup, gap="l")
        layout.setContentsMargins(space("xl"), space("l"), space("xl"), space("l"))
        layout.addWidget(self.pages, 1)
        self.setLayout(layout)
        self._connect()

    def show_evaluations(self, evaluations: Sequence[Evaluation], selected: Evaluation | None) -> None:
        """List the past evaluations and select one of them (none where there is none)."""
        self.past.selectionModel().blockSignals(True)
        self.evaluations.show_items(evaluations)
        self.past.selectionModel().blockSignals(False)
        self.pages.setCurrentIndex(1 if evaluations else 0)
        if selected is not None:
            self.past.select_line(evaluations.index(selected))

    def show_evaluation(self, shown: Evaluation, baseline: Evaluation | None, baselines: Sequence[Evaluation]) -> None:
        """The scores of one evaluation, beside those of another one where one is chosen."""
        self._title.setText(f"{shown.model_name}  on  {shown.data_name}")
        how = "under the schema" if shown.constrained else "without constraint"
        self._about.setText(
            f"{count_in_words(shown.scores.rows, 'row')}  ·  {how}  ·  {moment_in_words(shown.ended_s)}"
        )
        before = baseline.scores if baseline is not None else None
        self.tiles.show_scores(shown.scores, before)
        self.journeys.show_items(journey_scores(shown.scores, before))
        self._offer_baselines(baselines, baseline)

    def show_wrong_rows(self, wrong: Sequence[WrongRow]) -> None:
        """What went wrong in the shown evaluation."""
        self.wrong.show_items(wrong)
        self.comparison.show_nothing()
        self.details.setTabText(1, f"Wrong rows ({len(wrong):,})")
        self._on_details_changed()

    def _build_past(self) -> None:
        self.past = Table(self.evaluations, {1: 150, 2: 76, 3: 104}, 0, hidden_below={1: 480, 3: 300})
        self.past.setAccessibleName("Past evaluations")
        self.baseline = CalmComboBox()
        self.baseline.setAccessibleName("Compare with")
        self.baseline.setMinimumContentsLength(28)
        self.baseline.setSizeAdjustPolicy(CalmComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def _build_details(self, theme: ThemeSwitcher) -> None:
        cells = CellDelegate(theme, self)
        by_journey = Table(self.journeys, {1: 48, 2: 112, 3: 64, 4: 150}, 0, hidden_below={3: 400, 4: 520})
        self.wrong_table = Table(self.wrong, {1: 214, 2: 130, 3: 130}, 0, hidden_below={2: 700, 3: 560})
        self.wrong_table.setAccessibleName("Wrong rows")
        for table in (by_journey, self.wrong_table):
            table.setItemDelegate(cells)
        self.details = QTabWidget()
        self.details.setDocumentMode(True)
        self.details.addTab(by_journey, "By journey")
        self.details.addTab(self.wrong_table, "Wrong rows")

    def _build_results(self) -> QWidget:
        self._title = label(role="heading")
        self._about = label(role="muted")
        words = column(self._title, self._about, gap="xs")
        head = row(gap="s")
        head.addLayout(words, 1)
        head.addWidget(label("Compare with", "muted"))
        head.addWidget(self.baseline)
        past = Card("Evaluations", flush=True)
        past.add(self.past, 1)
        details = Card(flush=True)
        details.body.setContentsMargins(0, space("xs"), 0, 0)
        details.add(self.details, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for part, stretch in ((past, 3), (details, 6), (self.comparison, 4)):
            splitter.addWidget(part)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
        splitter.setSizes([332, 562, 312])
        splitter.setHandleWidth(space("m"))
        splitter.setChildrenCollapsible(False)
        layout = column(head, self.tiles, gap="m")
        layout.addWidget(splitter, 1)
        return holder(layout)

    def _offer_baselines(self, baselines: Sequence[Evaluation], chosen: Evaluation | None) -> None:
        self.baseline.blockSignals(True)
        self.baseline.clear()
        self.baseline.addItem("nothing", None)
        for evaluation in baselines:
            when = moment_in_words(evaluation.ended_s)
            self.baseline.addItem(f"{self.evaluations.short_name(evaluation)}, {when}", evaluation)
        self.baseline.setCurrentIndex(0 if chosen is None else 1 + list(baselines).index(chosen))
        self.baseline.blockSignals(False)

    def _connect(self) -> None:
        self.past.selectionModel().currentRowChanged.connect(self._on_past_changed)
        self.wrong_table.selectionModel().currentRowChanged.connect(self._on_wrong_changed)
        self.baseline.currentIndexChanged.connect(self._on_baseline_changed)
        self.details.currentChanged.connect(self._on_details_changed)

    @Slot(QModelIndex, QModelIndex)
    def _on_past_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.evaluation_selected.emit(self.evaluations.items[current.row()])

    @Slot(QModelIndex, QModelIndex)
    def _on_wrong_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self.comparison.show_row(self.wrong.items[current.row()])

    @Slot()
    def _on_details_changed(self) -> None:
        """Wrong rows come to the front with the first of them beside."""
        is_front = self.details.currentWidget() is self.wrong_table
        if is_front and self.wrong.items and not self.wrong_table.currentIndex().isValid():
            self.wrong_table.select_line(0)

    @Slot(int)
    def _on_baseline_changed(self, _index: int) -> None:
        self.baseline_selected.emit(self.baseline.currentData())
