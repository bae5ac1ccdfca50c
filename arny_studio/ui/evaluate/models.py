"""Item models of the Evaluate tab: past evaluations, scores per journey, wrong rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from PySide6.QtCore import QObject, Qt

from arny_studio.contract import Contract
from arny_studio.evaluation.metrics import RouterScores, said
from arny_studio.ui.evaluate.records import Evaluation, WrongRow, short_names
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, SHARE_ROLE, ItemsModel
from arny_studio.ui.wording import moment_in_words, percent_in_words


class EvaluationsModel(ItemsModel[Evaluation]):
    """Past evaluations, newest first; models are called by the part of the name that tells them apart."""

    columns = ("Model", "Dataset", "Journey", "When")
    numbers = frozenset({2})

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._short: dict[str, str] = {}

    def show_items(self, items: Sequence[Evaluation]) -> None:
        """Replace what is listed."""
        self._short = short_names(item.model_name for item in items)
        super().show_items(items)

    def short_name(self, item: Evaluation) -> str:
        """The model without what all listed models' names begin with."""
        return self._short.get(item.model_name, item.model_name)

    def tooltip(self, item: Evaluation, column: int) -> str:
        """Whole names."""
        return (item.model_name, item.data_name, "", "")[column]

    def cell(self, item: Evaluation, column: int, role: int) -> Any:
        """Names, accuracy, time."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        journey = percent_in_words(item.scores.journey_accuracy)
        return (self.short_name(item), item.data_name, journey, moment_in_words(item.ended_s))[column]


class JourneyScore(Struct, frozen=True, kw_only=True):
    """One journey: how many rows, how many right, what it is taken for, and the accuracy before."""

    journey: str
    rows: int
    right: int
    taken_for: str
    before: float | None = None

    @property
    def accuracy(self) -> float:
        """Share of right rows, 0–1."""
        return self.right / self.rows if self.rows else 0.0


def journey_scores(scores: RouterScores, before: RouterScores | None) -> list[JourneyScore]:
    """Per journey, the most rows first; `before` is another evaluation of the same kind of rows."""
    found = []
    for journey, predicted in scores.by_journey.items():
        others = [(count, name or "no decision") for name, count in predicted.items() if name != journey]
        count, name = max(others, default=(0, ""))
        found.append(
            JourneyScore(
                journey=journey,
                rows=sum(predicted.values()),
                right=predicted.get(journey, 0),
                taken_for=f"{name} ({count})" if count else "",
                before=_accuracy_of(journey, before),
            )
        )
    return sorted(found, key=lambda score: (-score.rows, score.journey))


class JourneysModel(ItemsModel[JourneyScore]):
    """Accuracy per journey."""

    columns = ("Journey", "Rows", "Accuracy", "Before", "Mostly taken for")
    numbers = frozenset({1, 3})

    def tooltip(self, item: JourneyScore, column: int) -> str:
        """Whole names."""
        return {0: item.journey, 4: item.taken_for}.get(column, "")

    def cell(self, item: JourneyScore, column: int, role: int) -> Any:
        """Figures, and the share of the bar."""
        if role == SHARE_ROLE:
            return item.accuracy if column == 2 else None
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        before = "" if item.before is None else percent_in_words(item.before)
        return (item.journey, f"{item.rows:,}", percent_in_words(item.accuracy), before, item.taken_for)[column]


class WrongRowsModel(ItemsModel[WrongRow]):
    """Rows that went wrong: what was asked, what was right, what came."""

    columns = ("Query", "Wrong in", "Expected", "Predicted")

    def __init__(self, contract: Contract, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._journey = contract.roles.journey

    def cell(self, item: WrongRow, column: int, role: int) -> Any:
        """Texts, and the faults as chips."""
        prediction = item.prediction
        if role == CHIPS_ROLE:
            return (
                [(fault, "danger" if fault == "invalid" else "warning") for fault in item.faults]
                if column == 1
                else None
            )
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        query = " ".join(prediction.query[:400].split())[:200]
        predicted = said(prediction, self._journey)
        return (query, ", ".join(item.faults), prediction.expected_journey, str(predicted or "no decision"))[column]


def _accuracy_of(journey: str, scores: RouterScores | None) -> float | None:
    predicted = scores.by_journey.get(journey) if scores is not None else None
    return predicted.get(journey, 0) / sum(predicted.values()) if predicted else None
