"""The points of a curve that are worth painting: thinned, smoothed, gaps kept. Pure functions over arrays."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from arny_studio.jobs.curve import Curve

MOST_POINTS = 4_000
Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def loss_points(curve: Curve, column: str = "loss") -> Points:
    """Steps and values of the rows that belong to a column, (n,) each; NaN where the loss was not finite.

    Rows of the other columns (validation points among the loss) are no gaps and are left out.
    """
    steps = np.frombuffer(curve.column("step"), dtype=np.float64)
    values = np.frombuffer(curve.column(column), dtype=np.float64)
    is_other = np.isnan(values) & ~np.isnan(np.frombuffer(curve.column("validation_loss"), dtype=np.float64))
    is_given = ~is_other if column == "loss" else ~np.isnan(values)
    return steps[is_given], values[is_given]


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """At most `most` points: of each run of neighbours the lowest and the highest, so that no spike is lost."""
    steps, values = points
    if len(steps) <= most:
        return points
    buckets = max(1, most // 2)
    width = -(-len(values) // buckets)
    padded = np.full(buckets * width, np.nan)
    padded[: len(values)] = values
    rows = padded.reshape(buckets, width)
    is_gap = np.isnan(rows)
    begins = np.arange(buckets) * width
    lowest = begins + np.where(is_gap, np.inf, rows).argmin(axis=1)
    highest = begins + np.where(is_gap, -np.inf, rows).argmax(axis=1)
    kept = np.unique(np.concatenate([lowest, highest]))
    kept = kept[kept < len(values)]
    return steps[kept], values[kept]


def smoothed(points: Points, span: float = 0.06) -> Points:
    """Exponential mean over about `span` of the whole curve, without the lag of a cold start."""
    steps, values = points
    keep = 1 - 1 / max(2.0, span * len(values))
    mean, weight = 0.0, 0.0
    made = np.empty_like(values)
    for index, value in enumerate(values.tolist()):
        if not math.isnan(value):
            mean = keep * mean + (1 - keep) * value
            weight = keep * weight + (1 - keep)
        made[index] = mean / weight if weight and not math.isnan(value) else math.nan
    return steps, made
