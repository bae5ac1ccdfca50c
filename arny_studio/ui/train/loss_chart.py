"""The loss of a run: every value faint, the smoothed line over it, validation as points."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox

from arny_studio.jobs.curve import Curve
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.curve_points import loss_points, smoothed, thinned
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.widgets.text import label


class LossChart(Card):
    """Shows one curve. Painted at most as often as it is told to, and never with more than 4,000 points a line."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__("Loss", flush=True)
        self._theme = theme
        self._curve = Curve()
        self._raw = self._smooth = loss_points(self._curve)
        self._has_validation = False
        self.plot = pg.PlotWidget()
        item: pg.PlotItem = self.plot.getPlotItem()  # pyright: ignore[reportAssignmentType]
        self._box: pg.ViewBox = item.getViewBox()
        self.plot.setMinimumHeight(140)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        item.setContentsMargins(space("s"), 0, space("m"), space("s"))
        self.raw = self.plot.plot([], [], antialias=True, connect="finite")
        self.smooth = self.plot.plot([], [], antialias=True, connect="finite")
        self.validation = self.plot.plot([], [], symbol="o", symbolSize=8)
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.hide()
        item.addItem(self._cross, ignoreBounds=True)
        self._log = QCheckBox("Log scale")
        self._log.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._legend = {name: label(f"● {name}", "caption") for name in ("each step", "smoothed", "validation")}
        self._readout = label(role="caption")
        self.head.insertWidget(1, self._readout)
        for part in (*self._legend.values(), self._log):
            self.head.addWidget(part)
        self.head.setSpacing(space("m"))
        self._none = label("The curve begins with the first step.", "muted")
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.add(self.plot, 1)
        self.add(self._none, 1)
        self.body.setContentsMargins(space("s"), 0, space("s"), space("s"))
        self._log.toggled.connect(self._on_log_toggled)
        self.plot.scene().sigMouseMoved.connect(self._on_mouse_moved)  # pyright: ignore[reportAttributeAccessIssue]
        theme.theme_changed.connect(self._on_theme_changed)
        self._on_theme_changed()
        self._show_parts()

    def show_curve(self, curve: Curve) -> None:
        """Show a curve, from its first step."""
        if len(curve) == len(self._curve) and curve == self._curve:
            return
        self._curve = curve
        self._raw = thinned(loss_points(curve))
        self._smooth = smoothed(self._raw)
        validation = thinned(loss_points(curve, "validation_loss"))
        self.raw.setData(*self._raw)
        self.smooth.setData(*self._smooth)
        self.validation.setData(*validation)
        self._has_validation = len(validation[0]) > 0
        self._show_parts()

    def _show_parts(self) -> None:
        has_points = self.points_shown > 0 or self._has_validation
        for part in (self.plot, self._log, self._legend["each step"], self._legend["smoothed"]):
            part.setVisible(has_points)
        self._legend["validation"].setVisible(self._has_validation)
        self._none.setVisible(not has_points)

    @property
    def points_shown(self) -> int:
        """How many values of the training loss are painted."""
        return len(self._raw[0])

    @Slot(bool)
    def _on_log_toggled(self, is_log: bool) -> None:
        self.plot.setLogMode(y=is_log)

    @Slot(object)
    def _on_mouse_moved(self, place: QPointF) -> None:
        """The values under the pointer, in words beside the title."""
        steps, values = self._smooth
        is_inside = len(steps) > 0 and self.plot.sceneBoundingRect().contains(place)
        self._cross.setVisible(is_inside)
        if not is_inside:
            self._readout.setText("")
            return
        wanted = self._box.mapSceneToView(place).x()
        nearest = int(abs(steps - wanted).argmin())
        self._cross.setPos(steps[nearest])
        raw = self._raw[1][nearest]
        self._readout.setText(f"step {steps[nearest]:,.0f}: {raw:.4g}, smoothed {values[nearest]:.4g}")

    @Slot(object)
    def _on_theme_changed(self, _theme: object = None) -> None:
        color = self._theme.color
        self.plot.setBackground(color("surface"))
        line, points = color("series_1"), color("series_3")
        faint = QColor(line)
        faint.setAlphaF(0.42)
        self.raw.setPen(pg.mkPen(faint, width=1))
        self.smooth.setPen(pg.mkPen(line, width=2.4))
        self.validation.setPen(pg.mkPen(points, width=1.2, style=Qt.PenStyle.DashLine))
        self.validation.setSymbolBrush(pg.mkBrush(points))
        self.validation.setSymbolPen(pg.mkPen(color("surface"), width=1.5))
        self._cross.setPen(pg.mkPen(color("text_muted"), width=1))
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(color("border_strong")))
            axis.setTextPen(pg.mkPen(color("text_muted")))
            axis.enableAutoSIPrefix(False)
        self.plot.showGrid(x=True, y=True, alpha=0.14)
        inks = {"each step": faint, "smoothed": line, "validation": points}
        for name, ink in inks.items():
            rgba = f"rgba({ink.red()}, {ink.green()}, {ink.blue()}, {ink.alpha()})"
            self._legend[name].setStyleSheet(f"color: {rgba};")
