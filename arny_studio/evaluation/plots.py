"""Line plots for reports: numbers in, SVG text out. Readable on a light and on a dark page alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from msgspec import Struct

# Mid tones that keep 3:1 contrast on white and on near-black; told apart by people who see red and green alike.
_COLOURS = ("#3b82c4", "#d97a1f", "#2a9d7f", "#b5569b", "#8a7a2f", "#7a6fd0")
_DASHES = ("", "6 4", "2 3", "8 3 2 3", "1 3", "10 4")
_INK, _RULE = "#808790", "#80879040"
_FONT = 'font-family="system-ui, -apple-system, Segoe UI, sans-serif"'
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 20.0, 44.0, 52.0
MOST_POINTS = 1000  # per line; more cannot be told apart at this size

Range = tuple[float, float]


class Series(Struct, frozen=True, kw_only=True):
    """One line. A `y` that is None or not finite is a gap in it."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float | None]


def line_plot_svg(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
    width: int = 720,
    height: int = 400,
    y_from_zero: bool = False,
) -> str:
    """A plot with axes, ticks and, for more than one line, a legend. Sizes in pixels. No points: a note instead."""
    points = [(x, y) for line in series for x, y in _finite(line) if y is not None]
    frame = _Frame(width, height, points, y_from_zero)
    body = [*frame.axes(title, x_label, y_label)]
    if points:
        for number, line in enumerate(series):
            body += frame.line(number, line)
        if len(series) > 1:
            body += _legend([line.label for line in series], width)
    else:
        body.append(_text(width / 2, height / 2, "no data", anchor="middle"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_FONT} font-size="12">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *body, "</svg>", ""])


class _Frame:
    """Where values come to lie on the page."""

    def __init__(self, width: int, height: int, points: Sequence[tuple[float, float]], y_from_zero: bool) -> None:
        self.width, self.height = width, height
        xs, ys = [x for x, _ in points], [y for _, y in points]
        self.x_ticks = nice_ticks(*_span(xs))
        self.y_ticks = nice_ticks(*_span([*ys, 0.0] if y_from_zero and ys else ys))
        self.x_range = (min(xs), max(xs)) if xs and min(xs) < max(xs) else (self.x_ticks[0], self.x_ticks[-1])
        self.y_range = (self.y_ticks[0], self.y_ticks[-1])

    def x(self, value: float) -> float:
        return _placed(value, self.x_range, (_LEFT, self.width - _RIGHT))

    def y(self, value: float) -> float:
        return _placed(value, self.y_range, (self.height - _BOTTOM, _TOP))

    def axes(self, title: str, x_label: str, y_label: str) -> Iterator[str]:
        bottom, right, middle = self.height - _BOTTOM, self.width - _RIGHT, (_TOP + self.height - _BOTTOM) / 2
        yield _text(_LEFT, 20, title, size=15)
        yield _text((_LEFT + right) / 2, self.height - 12, x_label, anchor="middle")
        yield (
            f'<text x="16" y="{middle:g}" fill="{_INK}" text-anchor="middle" '
            f'transform="rotate(-90 16 {middle:g})">{escape(y_label)}</text>'
        )
        for tick, words in zip(self.y_ticks, tick_labels(self.y_ticks), strict=True):
            at = self.y(tick)
            yield f'<line x1="{_LEFT:g}" y1="{at:.1f}" x2="{right:g}" y2="{at:.1f}" stroke="{_RULE}"/>'
            yield _text(_LEFT - 8, at + 4, words, anchor="end")
        for tick, words in zip(self.x_ticks, tick_labels(self.x_ticks), strict=True):
            if self.x_range[0] <= tick <= self.x_range[1]:
                at = self.x(tick)
                yield f'<line x1="{at:.1f}" y1="{bottom:g}" x2="{at:.1f}" y2="{bottom + 5:g}" stroke="{_INK}"/>'
                yield _text(at, bottom + 20, words, anchor="middle")
        yield f'<line x1="{_LEFT:g}" y1="{bottom:g}" x2="{right:g}" y2="{bottom:g}" stroke="{_INK}"/>'

    def line(self, number: int, series: Series) -> Iterator[str]:
        """The stretches between gaps; a stretch of one point is a dot."""
        colour, dash = _look(number)
        for stretch in _stretches(_thinned(list(_finite(series)))):
            places = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in stretch)
            if len(stretch) == 1:
                x, y = places.split(",")
                yield f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
            else:
                yield f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def nice_ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) from at or below `low` to at or above `high`."""
    raw = (high - low) / max(1, about - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Ticks as people write them, all with the same number of decimals."""
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    largest = max(abs(tick) for tick in ticks)
    if largest >= 1e6 or step < 1e-4:
        return [f"{tick:.3g}" for tick in ticks]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{tick + 0.0:,.{decimals}f}" for tick in ticks]


def _span(values: Sequence[float]) -> Range:
    """The values' range, widened where it is no range."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    least = 1e-9 * max(abs(low), abs(high), 1e-3)
    if high - low > least:
        return low, high
    pad = abs(low) * 0.1 or 0.5
    return low - pad, high + pad


def _placed(value: float, values: Range, places: Range) -> float:
    share = (value - values[0]) / (values[1] - values[0])
    return places[0] + share * (places[1] - places[0])


def _finite(line: Series) -> Iterator[tuple[float, float | None]]:
    for x, y in zip(line.xs, line.ys, strict=True):
        if math.isfinite(x):
            yield x, y if y is not None and math.isfinite(y) else None


def _thinned(points: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """Per stretch of the line its lowest and highest point, in order, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(2 * len(points) / MOST_POINTS)
    thin: list[tuple[float, float | None]] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        whole = [(y, n) for n, (_, y) in enumerate(bucket) if y is not None]
        kept = {min(whole)[1], max(whole)[1]} if whole else {0}
        kept |= {n for n, (_, y) in enumerate(bucket) if y is None and whole}
        thin += [bucket[n] for n in sorted(kept)]
    return thin


def _stretches(points: Sequence[tuple[float, float | None]]) -> Iterator[list[tuple[float, float]]]:
    stretch: list[tuple[float, float]] = []
    for x, y in [*points, (0.0, None)]:
        if y is not None:
            stretch.append((x, y))
        elif stretch:
            yield stretch
            stretch = []


def _legend(labels: Sequence[str], width: int) -> Iterator[str]:
    at = width - _RIGHT - sum(_label_width(label) for label in labels)
    for number, label in enumerate(labels):
        colour, dash = _look(number)
        yield f'<line x1="{at:g}" y1="34" x2="{at + 22:g}" y2="34" stroke="{colour}" stroke-width="2"{dash}/>'
        yield _text(at + 28, 38, label)
        at += _label_width(label)


def _label_width(label: str) -> float:
    return 44 + 6.5 * len(label)


def _look(number: int) -> tuple[str, str]:
    dash = _DASHES[number % len(_DASHES)]
    return _COLOURS[number % len(_COLOURS)], f' stroke-dasharray="{dash}"' if dash else ""


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{_INK}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
    )
