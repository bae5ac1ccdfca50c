"""One plot of several named series: an eye for each, a log scale, and a cross that panels can share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QBoxLayout, QLayout, QSizePolicy, QToolButton

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.layout import clear, column, holder, row, space
from arny_studio.ui.widgets.series import Series, Words
from arny_studio.ui.widgets.text import label

if TYPE_CHECKING:
    from arny_studio.ui.widgets.chart import Chart

LegendPlace = Literal["beside", "below", "lines"]


class PlotPanel(Card):
    """Shows series. What an eye has closed stays closed while the series come and go.

    The drawing is made with the first series: a window has some ten panels, most of which are never looked at.
    """

    pointed = Signal(object)  # float: where on the x axis the pointer is; None: it left

    def __init__(
        self,
        theme: ThemeSwitcher,
        title: str,
        *,
        words: Words,
        ticks: Words | None = None,
        y_range: tuple[float, float] | None = None,
        least_px: int = 120,
        legend: LegendPlace = "below",
    ) -> None:
        """`words` writes a value for the legend, `ticks` one at the axis; `y_range` are the only values shown, where
        given; `least_px` is the lowest plot. The legend stands beside the title, in one line below it, or in as many
        lines as it needs."""
        super().__init__(title, flush=True)
        self._theme, self._words, self._ticks, self._y_range = theme, words, ticks, y_range
        self._series: dict[str, Series] = {}
        self._eyes: dict[str, QToolButton] = {}
        self.closed: set[str] = set()  # keys of the series whose eye is closed
        self.is_log = False
        self._x_words: Words | None = None
        self._cross_x: float | None = None
        self.chart: Chart | None = None
        self._room = holder(column(gap="xs"))
        self._room.setMinimumHeight(least_px)
        self._room.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self._legend: QLayout = FlowLayout(gap="s") if legend == "lines" else row(gap="xs")
        self._arrange(legend)
        theme.theme_changed.connect(self._on_theme_changed)

    def _arrange(self, place: LegendPlace) -> None:
        self._value = label(role="caption")
        self.head.addWidget(self._value)
        self._legend_row = holder(self._legend)
        if place == "beside":
            self.head.addWidget(self._legend_row)
        else:
            self._legend.setContentsMargins(space("s"), 0, space("xs"), 0)
            self.add(self._legend_row)
        self.add(self._room, 1)
        self.body.setSpacing(0)
        self.body.setContentsMargins(space("xs"), 0, space("xs"), space("s"))

    def _made_chart(self) -> Chart:
        from arny_studio.ui.widgets.chart import Chart  # pyqtgraph takes a third of a second to import

        if self.chart is None:
            self.chart = Chart(self._theme, self._ticks)
            if self._y_range is not None:
                self.chart.keep_y_range(*self._y_range)
            self.chart.set_log(self.is_log)
            if self._x_words is not None:
                self.chart.set_x_words(self._x_words)
            self.chart.show_cross(self._cross_x)
            self.chart.pointed.connect(self._on_chart_pointed)
            layout = self._room.layout()
            assert layout is not None
            layout.addWidget(self.chart)
        return self.chart

    # -- what is shown ---------------------------------------------------------------------------------------------

    def show_series(self, series: Sequence[Series]) -> None:
        """Replace what is shown. A panel with a single series names it by its own title, without an eye."""
        wanted = {one.key: one for one in series}
        titles = {key: one.title for key, one in self._series.items()}
        self._series = wanted
        if titles != {key: one.title for key, one in wanted.items()}:
            self._build_legend()
        if self.chart is not None or self.has_points:
            self._made_chart().show_series(series, self.closed)
        self._write_values()

    @property
    def shown(self) -> dict[str, int]:
        """How many points of each series whose eye is open are painted."""
        return {key: len(one.x) for key, one in self._series.items() if key not in self.closed}

    @property
    def has_points(self) -> bool:
        """Whether there is anything to show, with closed eyes or open ones."""
        return any(len(one.x) for one in self._series.values())

    def set_log(self, is_log: bool) -> None:
        """The y axis in powers of ten, or plain."""
        self.is_log = is_log
        if self.chart is not None:
            self.chart.set_log(is_log)

    def set_words(self, words: Words) -> None:
        """How the values are written."""
        self._words = words
        self._write_values()

    def set_x_words(self, words: Words) -> None:
        """How the numbers of the x axis are written."""
        self._x_words = words
        if self.chart is not None:
            self.chart.set_x_words(words)

    # -- the cross -------------------------------------------------------------------------------------------------

    def show_cross(self, x: float | None) -> None:
        """Put the cross at a place, here or in another panel, and write the values there; None takes it away."""
        self._cross_x = x
        if self.chart is not None:
            self.chart.show_cross(x)
        self._write_values()

    def value_at(self, key: str, x: float) -> float:
        """The value of a series at the point nearest to `x`; NaN where it has none."""
        one = self._series[key]
        known = np.flatnonzero(~np.isnan(one.y))
        if not len(known):
            return math.nan
        return float(one.y[known[np.abs(one.x[known] - x).argmin()]])

    def _write_values(self) -> None:
        """Beside each name its value at the cross, or the newest one."""
        for key, one in self._series.items():
            at = self._cross_x if self._cross_x is not None else math.inf
            value = self.value_at(key, at) if math.isfinite(at) else _last(one.y)
            said = "–" if math.isnan(value) else self._words(value)
            if key in self._eyes:
                self._eyes[key].setText(f"{one.title} {said}")
            else:
                self._value.setText(said)

    @Slot(object)
    def _on_chart_pointed(self, x: float | None) -> None:
        if x is None or self.has_points:
            self.pointed.emit(x)

    # -- the legend ------------------------------------------------------------------------------------------------

    def _build_legend(self) -> None:
        clear(self._legend)
        self._eyes = {}
        if len(self._series) > 1:
            for key in self._series:
                self._eyes[key] = self._eye(key)
                self._legend.addWidget(self._eyes[key])
                self._dress_eye(key)
            if isinstance(self._legend, QBoxLayout):
                self._legend.addStretch(1)
        self._value.setVisible(len(self._series) == 1)
        self._legend_row.setVisible(len(self._series) > 1)

    def _eye(self, key: str) -> QToolButton:
        made = QToolButton()
        made.setCheckable(True)
        made.setChecked(key not in self.closed)
        made.setProperty("look", "legend")
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setIconSize(QSize(14, 14))
        made.setCursor(Qt.CursorShape.PointingHandCursor)
        made.setAccessibleName(f"Show {self._series[key].title}")
        made.toggled.connect(lambda is_open: self._on_eye_toggled(key, is_open))
        return made

    def _on_eye_toggled(self, key: str, is_open: bool) -> None:
        (self.closed.discard if is_open else self.closed.add)(key)
        if self.chart is not None:
            self.chart.close_series(self.closed)
        self._dress_eye(key)

    def _dress_eye(self, key: str) -> None:
        is_open = key not in self.closed
        role = self._series[key].role if is_open else "text_disabled"
        self._theme.dress(self._eyes[key], "eye" if is_open else "eye-off", role)
        self._eyes[key].setStyleSheet(f"color: {self._theme.color(role).name()};")

    @Slot(object)
    def _on_theme_changed(self, _theme: object = None) -> None:
        for key in self._eyes:
            self._dress_eye(key)


def _last(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else math.nan
