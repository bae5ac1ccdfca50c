"""What the charts of a run show: its curves over steps, epochs, tokens or time. Pure functions over arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.jobs.curve import Curve, SystemCurve
from arny_studio.jobs.state import RunState
from arny_studio.ui.widgets.series import Series, Words

XKind = Literal["step", "epoch", "tokens", "time"]
X_KINDS: tuple[XKind, ...] = get_args(XKind)
MOST_POINTS, MOST_POINTS_SMALL = 4_000, 800
_LEAST_PAUSE_S = 120.0  # shorter breaks are slow steps, not a run that was stopped and resumed
Column = NDArray[np.float64]
Points = tuple[Column, Column]


class PanelSpec(Struct, frozen=True, kw_only=True):
    """One chart of the page. `columns` are (column of the curve, title, colour role)."""

    key: str
    title: str
    words: Words
    columns: tuple[tuple[str, str, str], ...]
    unit: float = 1.0  # values are divided by it
    y_range: tuple[float, float] | None = None  # where the values can only lie there
    of_system: bool = False
    may_be_log: bool = False


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float) -> str:
    return f"{value:.0f} %"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


LOSS = PanelSpec(
    key="loss", title="Loss", words=_plain, may_be_log=True,
    columns=(("validation_loss", "Validation", "series_3"),),
)  # fmt: skip
PANELS = (
    PanelSpec(
        key="answers", title="Held-out answers", words=_share, y_range=(0.0, 1.0),
        columns=(
            ("json_valid", "JSON", "series_1"), ("journey_accuracy", "Journey", "series_2"),
            ("field_agreement", "Fields", "series_4"), ("word_overlap", "Words", "series_5"),
        ),
    ),
    PanelSpec(
        key="rate", title="Learning rate", words=lambda value: f"{value:.3g}",
        columns=(("learning_rate", "Learning rate", "series_2"),),
    ),
    PanelSpec(
        key="gradient", title="Gradient norm", words=_plain, may_be_log=True,
        columns=(("gradient_norm", "Gradient norm", "series_4"),),
    ),
    PanelSpec(
        key="speed", title="Tokens / s", words=_whole, columns=(("tokens_per_s", "Tokens / s", "series_1"),)
    ),
    PanelSpec(
        key="memory", title="Memory of the machine", words=lambda value: f"{value:.3g} GiB", unit=float(1 << 30), of_system=True,
        columns=(("ram_used_bytes", "RAM", "series_1"), ("gpu_used_bytes", "GPU", "series_3")),
    ),
    PanelSpec(
        key="load", title="Load of the machine", words=_percent, y_range=(0.0, 100.0), of_system=True,
        columns=(("cpu_percent", "CPU", "series_1"), ("gpu_percent", "GPU", "series_3")),
    ),
    PanelSpec(
        key="heat", title="GPU temperature", words=lambda value: f"{value:.0f} °C", of_system=True,
        columns=(("gpu_temperature_c", "GPU", "series_5"),),
    ),
)  # fmt: skip


class Compared(Struct, frozen=True, kw_only=True):
    """A curve that runs are compared by: a column, smoothed or as it is."""

    key: str
    title: str
    words: Words
    is_smoothed: bool = False


COMPARED = (
    Compared(key="loss", title="Loss, smoothed", words=_plain, is_smoothed=True),
    Compared(key="validation_loss", title="Validation loss", words=_plain),
    Compared(key="json_valid", title="JSON valid", words=_share),
    Compared(key="journey_accuracy", title="Journeys right", words=_share),
    Compared(key="field_agreement", title="Fields right", words=_share),
    Compared(key="word_overlap", title="Words shared", words=_share),
    Compared(key="learning_rate", title="Learning rate", words=lambda value: f"{value:.3g}"),
    Compared(key="gradient_norm", title="Gradient norm", words=_plain, is_smoothed=True),
    Compared(key="tokens_per_s", title="Tokens / s", words=_whole, is_smoothed=True),
)


def compared_series(curve: Curve, compared: Compared, kind: XKind) -> Points:
    """Places and values of one run's curve, (n,) each, thinned."""
    x, values = x_column(curve, kind), column(curve, compared.key)
    is_given = ~np.isnan(values) & ~np.isnan(x)
    points = thinned((x[is_given], values[is_given]))
    return (points[0], smoothed(points[1])) if compared.is_smoothed else points


def loss_series(curve: Curve, kind: XKind) -> list[Series]:
    """The loss of each step, the smoothed line over it, and the validation points."""
    x = x_column(curve, kind)
    raw = thinned(loss_points(curve, x))
    each = Series(key="loss", title="Each step", x=raw[0], y=raw[1], role="series_1", stroke="faint")
    even = Series(key="smoothed", title="Smoothed", x=raw[0], y=smoothed(raw[1]), role="series_1")
    return [each, even, *_given(curve, x, LOSS, MOST_POINTS)]


def panel_series(state: RunState, spec: PanelSpec, kind: XKind) -> list[Series]:
    """The series of one of the smaller charts; those that the run has no values for are left out."""
    if not spec.of_system:
        return _given(state.curve, x_column(state.curve, kind), spec, MOST_POINTS_SMALL)
    return _given(state.system, x_of_times(state.curve, column(state.system, "time_s"), kind), spec, MOST_POINTS_SMALL)


def _given(curve: Curve | SystemCurve, x: Column, spec: PanelSpec, most: int) -> list[Series]:
    made = []
    for name, title, role in spec.columns:
        values = column(curve, name) / spec.unit
        is_given = ~np.isnan(values) & ~np.isnan(x)
        if is_given.any():
            points = thinned((x[is_given], values[is_given]), most)
            stroke = "points" if name == "validation_loss" or spec.key == "answers" else "line"
            made.append(Series(key=name, title=title, x=points[0], y=points[1], role=role, stroke=stroke))
    return made


# -- the x axis --------------------------------------------------------------------------------------------------------


def column(curve: Curve | SystemCurve, name: str) -> Column:
    """A column as an array, (rows,)."""
    return np.frombuffer(curve.column(name), dtype=np.float64)


def x_column(curve: Curve, kind: XKind) -> Column:
    """Where each row of the curve stands on the x axis, (rows,). Rows that do not say it stand between those that do."""
    steps = column(curve, "step")
    match kind:
        case "step":
            return steps
        case "time":
            return trained_seconds(column(curve, "time_s"))
    values = column(curve, kind)
    is_known = ~np.isnan(values)
    if not is_known.any():
        return np.full_like(steps, math.nan)
    return np.interp(steps, steps[is_known], values[is_known])


def x_of_times(curve: Curve, times: Column, kind: XKind) -> Column:
    """Where moments (Unix seconds) stand on the x axis of a curve; NaN for those before its first or after its last row."""
    if not len(curve):
        return np.full_like(times, math.nan)
    return np.interp(times, column(curve, "time_s"), x_column(curve, kind), left=math.nan, right=math.nan)


def trained_seconds(times: Column) -> Column:
    """Seconds since the first row, (rows,), without the pauses in which a stopped run waited to be resumed."""
    if not len(times):
        return times
    gaps = np.diff(times, prepend=times[0])
    usual = float(np.median(gaps[1:])) if len(gaps) > 1 else 0.0
    return np.cumsum(np.where(gaps > max(_LEAST_PAUSE_S, 50 * usual), usual, np.maximum(gaps, 0.0)))


def x_words(kind: XKind) -> Words:
    """How the numbers of an x axis are written."""
    return {"step": _tidy, "epoch": _tidy, "tokens": _short, "time": clock_in_words}[kind]


def clock_in_words(seconds: float) -> str:
    """`0:42`, `12:05`, `3:07 h` beyond the first hour."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _tidy(value: float) -> str:
    return f"{value:,.10g}"


def _short(value: float) -> str:
    for least, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= least:
            return f"{value / least:.4g}{unit}"
    return f"{value:.4g}"


# -- thinning and smoothing --------------------------------------------------------------------------------------------


def loss_points(curve: Curve, x: Column) -> Points:
    """Places and values of the rows of the training loss, (n,) each; NaN where the loss was not finite.

    Rows that carry something else (validation, answers) are no gaps and are left out.
    """
    values = column(curve, "loss")
    is_other = np.isnan(values) & np.any([~np.isnan(column(curve, name)) for name in _OTHER_ROWS], axis=0)
    is_given = ~is_other & ~np.isnan(x)
    return x[is_given], values[is_given]


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """At most `most` points: of each run of neighbours the lowest and the highest, so that no spike is lost."""
    x, values = points
    if len(x) <= most:
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
    return x[kept], values[kept]


def smoothed(values: Column, span: float = 0.06) -> Column:
    """Exponential mean over about `span` of the whole curve, without the lag of a cold start; gaps stay gaps."""
    keep = 1 - 1 / max(2.0, span * len(values))
    mean, weight = 0.0, 0.0
    made = np.empty_like(values)
    for index, value in enumerate(values.tolist()):
        if not math.isnan(value):
            mean = keep * mean + (1 - keep) * value
            weight = keep * weight + (1 - keep)
        made[index] = mean / weight if weight and not math.isnan(value) else math.nan
    return made


_OTHER_ROWS: Sequence[str] = ("validation_loss", "json_valid", "journey_accuracy", "field_agreement", "word_overlap")
