"""Metrics over predictions, plots and tables for reports: pure functions."""

from arny_studio.evaluation.metrics import BANDS, Prediction, RouterScores, band_of, score_predictions
from arny_studio.evaluation.plots import Series, line_plot_svg
from arny_studio.evaluation.report import markdown_table, scores_table

__all__ = [
    "BANDS", "Prediction", "RouterScores", "Series", "band_of", "line_plot_svg", "markdown_table",
    "score_predictions", "scores_table",
]  # fmt: skip
