"""All curves of a run: the loss large, the others in a grid below, over one x axis and under one cross."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from arny_studio.jobs.curve import Curve
from arny_studio.jobs.state import RunState
from arny_studio.ui.runs.tile_grid import TileGrid
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.curve_series import LOSS, PANELS, X_KINDS, XKind, loss_series, panel_series, x_words
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, holder, row, scrolled
from arny_studio.ui.widgets.plot_panel import PlotPanel
from arny_studio.ui.widgets.text import label

_PAINT_EVERY_MS = 100
_LEAST_PANEL_PX, _LOSS_PX, _SMALL_PX = 240, 176, 88


class CurveBoard(QWidget):
    """Shows the curves of one RunState. Painted at most ten times a second, not at all while it is hidden,
    and less often where painting takes more than a tenth of the window's time."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._state: RunState | None = None
        self._painted: tuple[Curve, int, XKind] | None = None
        self.x_kind: XKind = "step"
        self.loss = PlotPanel(theme, LOSS.title, words=LOSS.words, least_px=_LOSS_PX, legend="beside")
        self.panels = {
            spec.key: PlotPanel(
                theme, spec.title, words=spec.words, ticks=spec.words, y_range=spec.y_range, least_px=_SMALL_PX
            )
            for spec in PANELS
        }
        self._grid = TileGrid(*self.panels.values(), least_px=_LEAST_PANEL_PX)
        self._none = label("The curves begin with the first step.", "muted")
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.log = QCheckBox("Log")
        self.log.setToolTip("Loss and gradient norm on a logarithmic scale")
        self.log.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.controls = holder(self._build_controls())
        body = column(self.loss, self._grid, gap="m")
        body.setStretch(0, 1)
        self._body = scrolled(holder(body))
        self.setLayout(column(self._body, self._none, gap="s"))
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._paint)
        self._connect()
        self._show_parts([])

    def show_state(self, state: RunState) -> None:
        """Show the curves of a run as they stand; painted as soon as it is time."""
        self._state = state
        if self.isVisible() and not self._timer.isActive():
            self._timer.start(0)

    def forget(self) -> None:
        """Another run is coming: nothing of this one stays."""
        self._state = RunState()
        self._paint()

    @property
    def points_shown(self) -> int:
        """How many values of the training loss are painted."""
        return self.loss.shown.get("loss", 0)

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while it was hidden."""
        super().showEvent(event)
        if self._state is not None:
            self._timer.start(0)

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks."""
        super().hideEvent(event)
        self._timer.stop()

    @Slot()
    def _paint(self) -> None:
        state = self._state
        if state is None:
            return
        if self._is_painted(state):
            return
        self._painted = (state.curve, len(state.system), self.x_kind)
        begun_s = time.perf_counter()
        self.loss.show_series(loss_series(state.curve, self.x_kind))
        shown = []
        for spec in PANELS:
            panel = self.panels[spec.key]
            panel.show_series(panel_series(state, spec, self.x_kind))
            shown += [panel] if panel.has_points else []
        self._show_parts(shown)
        took_ms = 1000 * (time.perf_counter() - begun_s)
        self._timer.start(round(max(_PAINT_EVERY_MS, 10 * took_ms)))

    def _is_painted(self, state: RunState) -> bool:
        if self._painted is None:
            return False
        curve, samples, kind = self._painted
        return curve is state.curve and samples == len(state.system) and kind == self.x_kind

    def _show_parts(self, shown: list[PlotPanel]) -> None:
        has_points = self.loss.has_points or bool(shown)
        self._body.setVisible(has_points)
        self._none.setVisible(not has_points)
        self._grid.show_only(shown)

    def _build_controls(self) -> QHBoxLayout:
        self.over = Choice("X axis")
        self.over.setFixedWidth(104)
        for kind in X_KINDS:
            self.over.addItem(kind.capitalize(), kind)
        return row(label("Over", "caption"), self.over, self.log, gap="s")

    def _connect(self) -> None:
        self.over.currentIndexChanged.connect(self._on_over_changed)
        self.log.toggled.connect(self._on_log_toggled)
        for panel in (self.loss, *self.panels.values()):
            panel.pointed.connect(self._on_pointed)

    @Slot(int)
    def _on_over_changed(self, _line: int) -> None:
        self.x_kind = self.over.currentData()
        for panel in (self.loss, *self.panels.values()):
            panel.set_x_words(x_words(self.x_kind))
        self._paint()

    @Slot(bool)
    def _on_log_toggled(self, is_log: bool) -> None:
        self.loss.set_log(is_log)
        for spec in PANELS:
            if spec.may_be_log:
                self.panels[spec.key].set_log(is_log)

    @Slot(object)
    def _on_pointed(self, x: float | None) -> None:
        for panel in (self.loss, *self.panels.values()):
            panel.show_cross(x if panel.has_points else None)
