"""One plot of several named series: an eye for each, a log scale, and a cross that panels can share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pyqtgraph as pg
from msgspec import Struct
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QBoxLayout, QLayout, QSizePolicy, QToolButton

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.layout import clear, holder, row, space
from arny_studio.ui.widgets.text import label

Stroke = Literal["line", "faint", "points"]
LegendPlace = Literal["beside", "below", "lines"]
Words = Callable[[float], str]
_FAINT_ALPHA = 0.42


class Series(Struct, frozen=True, kw_only=True):
    """One line of a panel. `x` and `y` are (n,) each, NaN in `y` for a gap; `role` is a colour of the theme."""

    key: str
    title: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    role: str
    stroke: Stroke = "line"


class _WordAxis(pg.AxisItem):
    """An axis whose numbers are written by a function."""

    def __init__(self, orientation: str, words: Words | None = None) -> None:
        super().__init__(orientation)
        self.words = words

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """The labels of the ticks; on a log axis the values are exponents."""
        if self.words is None:
            return super().tickStrings(values, scale, spacing)
        true = [10**value for value in values] if self.logMode else values
        return [self.words(value) for value in true]


class PlotPanel(Card):
    """Shows series. What an eye has closed stays closed while the series come and go."""

    pointed = Signal(object)  # float: where on the x axis the pointer is; None: it left
    eyes_changed = Signal()

    def __init__(
        self,
        theme: ThemeSwitcher,
        title: str,
        *,
        words: Words,
        ticks: Words | None = None,
        least_px: int = 120,
        legend: LegendPlace = "below",
    ) -> None:
        """`words` writes a value for the legend, `ticks` one at the axis; `least_px` is the lowest plot.
        The legend stands beside the title, in one line below it, or in as many lines as it needs."""
        super().__init__(title, flush=True)
        self._theme, self._words = theme, words
        self._series: dict[str, Series] = {}
        self._items: dict[str, pg.PlotDataItem] = {}
        self._eyes: dict[str, QToolButton] = {}
        self.closed: set[str] = set()  # keys of the series whose eye is closed
        self._cross_x: float | None = None
        self._bottom = _WordAxis("bottom")
        self.plot = pg.PlotWidget(axisItems={"bottom": self._bottom, "left": _WordAxis("left", ticks)})
        self.plot.setMinimumHeight(least_px)
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self._item: pg.PlotItem = self.plot.getPlotItem()  # pyright: ignore[reportAttributeAccessIssue]
        self._item.setContentsMargins(space("s"), 0, space("m"), 0)
        self._box: pg.ViewBox = self._item.getViewBox()
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.hide()
        self._item.addItem(self._cross, ignoreBounds=True)
        self._legend: QLayout = FlowLayout(gap="s") if legend == "lines" else row(gap="xs")
        self._arrange(legend)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse_moved)  # pyright: ignore[reportAttributeAccessIssue]
        self.plot.installEventFilter(self)
        theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    def _arrange(self, place: LegendPlace) -> None:
        self._value = label(role="caption")
        self.head.addWidget(self._value)
        self._legend_row = holder(self._legend)
        if place == "beside":
            self.head.addWidget(self._legend_row)
        else:
            self._legend.setContentsMargins(space("s"), 0, space("xs"), 0)
            self.add(self._legend_row)
        self.add(self.plot, 1)
        self.body.setSpacing(0)
        self.body.setContentsMargins(space("xs"), 0, space("xs"), space("s"))

    # -- what is shown ---------------------------------------------------------------------------------------------

    def show_series(self, series: Sequence[Series]) -> None:
        """Replace what is shown. A panel with a single series names it by its own title, without an eye."""
        wanted = {one.key: one for one in series}
        for key in [key for key in self._items if key not in wanted]:
            self._item.removeItem(self._items.pop(key))
        titles = {key: one.title for key, one in self._series.items()}
        self._series = wanted
        if titles != {key: one.title for key, one in wanted.items()}:
            self._build_legend()
        for one in series:
            if one.key not in self._items:
                self._items[one.key] = self.plot.plot([], [], antialias=True, connect="finite")
                self._dress(one)
            self._items[one.key].setData(one.x, one.y)
            self._items[one.key].setVisible(one.key not in self.closed)
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
        self.plot.setLogMode(y=is_log)

    def keep_y_range(self, least: float, most: float) -> None:
        """Show these values and no others, whatever the series say."""
        self._box.setYRange(least, most, padding=0.06)
        self._box.disableAutoRange(pg.ViewBox.YAxis)
        half = (most - least) / 2
        self.plot.getAxis("left").setTickSpacing(half, half)

    def set_words(self, words: Words) -> None:
        """How the values are written."""
        self._words = words
        self._write_values()

    def set_x_words(self, words: Words) -> None:
        """How the numbers of the x axis are written."""
        self._bottom.words = words
        self._bottom.picture = None
        self._bottom.update()

    def close_eyes(self, keys: set[str]) -> None:
        """Hide these series and show the others."""
        self.closed = set(keys)
        for key, eye in self._eyes.items():
            blocked = eye.blockSignals(True)
            eye.setChecked(key not in keys)
            eye.blockSignals(blocked)
            self._dress_eye(key)
        for key, item in self._items.items():
            item.setVisible(key not in keys)

    # -- the cross -------------------------------------------------------------------------------------------------

    def show_cross(self, x: float | None) -> None:
        """Put the cross at a place, here or in another panel, and write the values there; None takes it away."""
        self._cross_x = x
        self._cross.setVisible(x is not None)
        if x is not None:
            self._cross.setPos(x)
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
    def _on_mouse_moved(self, place: QPointF) -> None:
        if self.has_points and self._item.sceneBoundingRect().contains(place):
            self.pointed.emit(float(self._box.mapSceneToView(place).x()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The pointer leaves: so does the cross."""
        if event.type() == QEvent.Type.Leave:
            self.pointed.emit(None)
        return super().eventFilter(watched, event)

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
        self._items[key].setVisible(is_open)
        self._dress_eye(key)
        self.eyes_changed.emit()

    def _dress_eye(self, key: str) -> None:
        is_open = key not in self.closed
        role = self._series[key].role if is_open else "text_disabled"
        self._theme.dress(self._eyes[key], "eye" if is_open else "eye-off", role)
        self._eyes[key].setStyleSheet(f"color: {self._theme.color(role).name()};")

    # -- colours ---------------------------------------------------------------------------------------------------

    def _dress(self, one: Series) -> None:
        item, ink = self._items[one.key], self._theme.color(one.role)
        faint = QColor(ink)
        faint.setAlphaF(_FAINT_ALPHA)
        match one.stroke:
            case "line":
                item.setPen(pg.mkPen(ink, width=2))
            case "faint":
                item.setPen(pg.mkPen(faint, width=1))
            case "points":
                item.setPen(pg.mkPen(ink, width=1.2, style=Qt.PenStyle.DashLine))
                item.setSymbol("o")
                item.setSymbolSize(7)
                item.setSymbolBrush(pg.mkBrush(ink))
                item.setSymbolPen(pg.mkPen(self._theme.color("surface"), width=1.2))

    @Slot(object)
    def _on_theme_changed(self, _theme: object = None) -> None:
        color = self._theme.color
        self.plot.setBackground(color("surface"))
        self._cross.setPen(pg.mkPen(color("text_muted"), width=1, style=Qt.PenStyle.DotLine))
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(color("border_strong")))
            axis.setTextPen(pg.mkPen(color("text_muted")))
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickLength=-4, maxTickLevel=1)
        self.plot.showGrid(x=True, y=True, alpha=0.14)
        for key, one in self._series.items():
            self._dress(one)
            if key in self._eyes:
                self._dress_eye(key)


def _last(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else math.nan
