"""The scores of one evaluation as tiles, each with its change against another evaluation."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QWidget

from arny_studio.evaluation.metrics import RouterScores
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.stat_tile import StatTile
from arny_studio.ui.widgets.text import TextRole

# Field of the scores, name, whether it is a share of the rows, whether more is better (None: neither).
_TILES = (
    ("json_valid", "JSON valid", True, True),
    ("decision_valid", "Schema and rules", True, True),
    ("journey_accuracy", "Journey", True, True),
    ("missing_fields_exact", "Missing fields", True, True),
    ("action_agreement", "Action", True, True),
    ("complexity_mae", "Complexity error", False, False),
    ("rows_per_s", "Rows per second", False, None),
)
_SAME = 0.0005


class ScoreTiles(QWidget):
    """One tile per score."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(space("m"))
        self.tiles: dict[str, StatTile] = {}
        for number, (field, name, _, _) in enumerate(_TILES):
            self.tiles[field] = tile = StatTile(name)
            grid.addWidget(tile, 0, number)
            grid.setColumnStretch(number, 1)

    def show_scores(self, scores: RouterScores, before: RouterScores | None) -> None:
        """Figures of `scores`; notes say what `before` had."""
        for field, _, is_share, more_is_better in _TILES:
            value = getattr(scores, field)
            past = getattr(before, field) if before is not None else None
            note, role = _change(value, past, is_share, more_is_better)
            self.tiles[field].show_figure(_figure(value, is_share), note, role)


def _figure(value: float | None, is_share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if is_share else f"{value:.1f}"


def _change(
    value: float | None, past: float | None, is_share: bool, more_is_better: bool | None
) -> tuple[str, TextRole]:
    if value is None or past is None:
        return "", "caption"
    change = value - past
    if abs(change) < _SAME:
        return "as before", "caption"
    sign = "+" if change > 0 else "−"
    written = f"{sign}{abs(100 * change):.1f} points" if is_share else f"{sign}{abs(change):.1f}"
    if more_is_better is None:
        return written, "caption"
    return written, "success" if (change > 0) == more_is_better else "danger"
