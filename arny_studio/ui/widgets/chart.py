"""The drawing inside a plot panel: axes, lines and cross. The only place of the window that imports pyqtgraph."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QSizePolicy

from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.series import Series, Words

_FAINT_ALPHA = 0.42


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


class Chart(pg.PlotWidget):
    """Draws series. Knows no legend and no eyes: it is told which of them are closed."""

    pointed = Signal(object)  # float: where on the x axis the pointer is; None: it left

    def __init__(self, theme: ThemeSwitcher, ticks: Words | None) -> None:
        """`ticks` writes a number at the y axis."""
        self._bottom = _WordAxis("bottom")
        super().__init__(axisItems={"bottom": self._bottom, "left": _WordAxis("left", ticks)}, enableMenu=False)
        self._theme = theme
        self._series: dict[str, Series] = {}
        self._items: dict[str, pg.PlotDataItem] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.hideButtons()
        self._plot: pg.PlotItem = self.getPlotItem()  # pyright: ignore[reportAttributeAccessIssue]
        self._plot.setContentsMargins(space("s"), 0, space("m"), 0)
        self._box: pg.ViewBox = self._plot.getViewBox()
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.hide()
        self._plot.addItem(self._cross, ignoreBounds=True)
        self.scene().sigMouseMoved.connect(self._on_mouse_moved)  # pyright: ignore[reportAttributeAccessIssue]
        theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()

    def show_series(self, series: Iterable[Series], closed: Collection[str]) -> None:
        """Replace what is drawn; those whose key is closed stay hidden."""
        wanted = {one.key: one for one in series}
        for key in [key for key in self._items if key not in wanted]:
            self._plot.removeItem(self._items.pop(key))
        self._series = wanted
        for key, one in wanted.items():
            if key not in self._items:
                self._items[key] = self.plot([], [], antialias=True, connect="finite")
                self._dress(one)
            self._items[key].setData(one.x, one.y)
        self.close_series(closed)

    def close_series(self, closed: Collection[str]) -> None:
        """Hide these series and show the others."""
        for key, item in self._items.items():
            item.setVisible(key not in closed)

    def is_drawn(self, key: str) -> bool:
        """Whether a series is there and not hidden."""
        return key in self._items and self._items[key].isVisible()

    def set_log(self, is_log: bool) -> None:
        """The y axis in powers of ten, or plain."""
        self.setLogMode(y=is_log)

    def keep_y_range(self, least: float, most: float) -> None:
        """Show these values and no others, whatever the series say."""
        self._box.setYRange(least, most, padding=0.06)
        self._box.disableAutoRange(pg.ViewBox.YAxis)
        half = (most - least) / 2
        self.getAxis("left").setTickSpacing(half, half)

    def set_x_words(self, words: Words) -> None:
        """How the numbers of the x axis are written."""
        self._bottom.words = words
        self._bottom.picture = None
        self._bottom.update()

    def show_cross(self, x: float | None) -> None:
        """Put the cross at a place; None takes it away."""
        self._cross.setVisible(x is not None)
        if x is not None:
            self._cross.setPos(x)

    @Slot(object)
    def _on_mouse_moved(self, place: QPointF) -> None:
        if self._plot.sceneBoundingRect().contains(place):
            self.pointed.emit(float(self._box.mapSceneToView(place).x()))

    def leaveEvent(self, ev: QEvent) -> None:
        """The pointer leaves: so does the cross."""
        super().leaveEvent(ev)
        self.pointed.emit(None)

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
        self.setBackground(color("surface"))
        self._cross.setPen(pg.mkPen(color("text_muted"), width=1, style=Qt.PenStyle.DotLine))
        for name in ("left", "bottom"):
            axis = self.getAxis(name)
            axis.setPen(pg.mkPen(color("border_strong")))
            axis.setTextPen(pg.mkPen(color("text_muted")))
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickLength=-4, maxTickLevel=1)
        self.showGrid(x=True, y=True, alpha=0.14)
        for one in self._series.values():
            self._dress(one)
