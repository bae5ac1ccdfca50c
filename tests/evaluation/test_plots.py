"""The SVG line plot: valid XML whatever the numbers, gaps where there is none, nothing lost, nothing injected."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.evaluation import Series, line_plot_svg
from arny_studio.evaluation.plots import nice_ticks, tick_labels

SVG = "{http://www.w3.org/2000/svg}"


def plot(*series: Series, **options) -> ElementTree.Element:
    return ElementTree.fromstring(line_plot_svg(series, title="Loss", x_label="step", y_label="loss", **options))


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


def lines(svg: ElementTree.Element) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (place.split(",") for place in line.attrib["points"].split())]
        for line in svg.iter(f"{SVG}polyline")
    ]


def test_that_a_falling_loss_falls_on_the_page_within_the_frame():
    svg = plot(Series(label="train", xs=[1, 2, 3], ys=[3.0, 2.0, 1.5]))
    (line,) = lines(svg)
    assert [y for _, y in line] == sorted(y for _, y in line)  # SVG's y grows downwards
    assert all(0 <= x <= 720 and 0 <= y <= 400 for x, y in line)
    assert {"Loss", "step", "loss"} <= set(texts(svg))


def test_that_several_lines_have_a_legend_and_differ_in_colour_and_dash():
    svg = plot(Series(label="train", xs=[1, 2], ys=[1, 2]), Series(label="validation", xs=[1, 2], ys=[2, 1]))
    assert {"train", "validation"} <= set(texts(svg))
    looks = {(line.attrib["stroke"], line.attrib.get("stroke-dasharray")) for line in svg.iter(f"{SVG}polyline")}
    assert len(looks) == 2
    assert "train" not in texts(plot(Series(label="train", xs=[1, 2], ys=[1, 2])))


def test_that_a_value_that_is_none_or_not_finite_is_a_gap():
    svg = plot(Series(label="a", xs=list(range(7)), ys=[1, 2, None, 3, math.nan, 4, 5]))
    assert [len(line) for line in lines(svg)] == [2, 2]
    assert len(list(svg.iter(f"{SVG}circle"))) == 1  # the lone point between two gaps


def test_that_no_data_is_a_note():
    assert "no data" in texts(plot())
    assert "no data" in texts(plot(Series(label="a", xs=[1], ys=[None])))


def test_that_text_is_never_markup():
    svg = line_plot_svg([], title='<script>"&', x_label="<b>", y_label="]]>")
    assert "<script>" not in svg
    assert '<script>"&' in texts(ElementTree.fromstring(svg))


def test_that_a_long_line_is_thinned_without_losing_its_spike():
    ys = [1.0] * 50_000
    ys[31_337] = 9.0
    svg = plot(Series(label="a", xs=list(range(50_000)), ys=ys))
    (line,) = lines(svg)
    assert len(line) <= 1002
    assert min(y for _, y in line) < min(y for x, y in line if x < 300)


@given(
    st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32)),
        max_size=40,
    )
)
def test_that_any_numbers_give_a_well_formed_plot(points):
    svg = plot(Series(label="a", xs=[x for x, _ in points], ys=[y for _, y in points]))
    numbers = re.findall(r'\s(?:x|y|x1|x2|y1|y2|cx|cy)="([^"]*)"', ElementTree.tostring(svg, encoding="unicode"))
    assert all(math.isfinite(float(number)) for number in numbers)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_that_ticks_are_round_few_and_span_the_values(low: float, width: float):
    ticks = nice_ticks(low, low + width)
    tolerance = 1e-6 * max(abs(low), width)
    assert ticks[0] <= low + tolerance
    assert ticks[-1] >= low + width - tolerance
    assert 2 <= len(ticks) <= 12
    assert len(tick_labels(ticks)) == len(ticks)


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0, 0.5, 1.0], ["0.0", "0.5", "1.0"]),
        ([0, 500, 1000], ["0", "500", "1,000"]),
        ([0, 1e-5, 2e-5], ["0", "1e-05", "2e-05"]),
    ],
)
def test_that_tick_labels_have_as_many_decimals_as_the_step_needs(ticks, labels):
    assert tick_labels(ticks) == labels
