"""Tables of a report, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from arny_studio.evaluation.metrics import RouterScores

# Field of the scores → what people call it, and how it is written.
_ROWS = (
    ("json_valid", "JSON valid", "share"),
    ("schema_valid", "Schema valid", "share"),
    ("decision_valid", "Schema and rules valid", "share"),
    ("journey_accuracy", "Journey accuracy", "share"),
    ("intent_accuracy", "Intent accuracy", "share"),
    ("missing_fields_exact", "Missing fields exact", "share"),
    ("complexity_mae", "Complexity, mean absolute error", "points"),
    ("band_agreement", "Complexity band agreement", "share"),
    ("action_agreement", "Action agreement", "share"),
    ("rows_per_s", "Rows per second", "points"),
    ("tokens_per_row", "Tokens per row", "points"),
    ("rows", "Rows", "count"),
)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[int] = ()) -> str:
    """A Markdown table; columns named in `right` (from 0) are aligned right. Pipes and line breaks are escaped."""
    to_right = set(right)
    rule = ["---:" if column in to_right else "---" for column in range(len(head))]
    lines = [list(map(_cell, head)), rule, *(list(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def scores_table(columns: dict[str, RouterScores]) -> str:
    """Scores side by side, one column per model, e.g. before and after."""
    rows = [
        [words, *(_written(getattr(scores, field), kind) for scores in columns.values())]
        for field, words, kind in _ROWS
    ]
    return markdown_table(["", *columns], rows, right=range(1, len(columns) + 1))


def score_lines(scores: RouterScores) -> list[tuple[str, str]]:
    """What people call each score, and its figure as text."""
    return [(words, _written(getattr(scores, field), kind)) for field, words, kind in _ROWS]


def _written(value: float | None, kind: str) -> str:
    if value is None:
        return "–"
    if kind == "share":
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if kind == "count" else f"{value:,.1f}"


def _cell(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("\r", "").replace("\n", "<br>")
