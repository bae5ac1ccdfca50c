"""One training run: how it stands, its curve, its stages, its log, and the recipe that it really runs."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QMenu, QSplitter, QStackedWidget, QWidget

from arny_studio.jobs.state import RunState
from arny_studio.recipe import TrainRecipe
from arny_studio.ui.runs.log_view import LogView
from arny_studio.ui.runs.recipe_view import RecipeView
from arny_studio.ui.runs.stage_list import StageList
from arny_studio.ui.runs.summary import STATUS_TONES, RunStatus, RunSummary
from arny_studio.ui.runs.tile_grid import TileGrid
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.loss_chart import LossChart
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import column, holder, row, scrolled, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.stat_tile import StatTile
from arny_studio.ui.widgets.text import allow, button, plain_tooltip
from arny_studio.ui.wording import bytes_in_words, moment_in_words, seconds_in_words

_LEAST_BODY_PX = 470  # a window that is lower scrolls
_RESUMABLE: tuple[RunStatus, ...] = ("stopped", "failed", "new")


class RunPage(QWidget):
    """Shows what it is told of one run; says what the user wants done with it."""

    stop_requested = Signal(str)  # save | now
    resume_requested = Signal()
    export_requested = Signal()
    command_requested = Signal()
    reuse_requested = Signal()
    reveal_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._build_buttons(theme)
        self._steps: int | None = None  # how many there will be; a later stage's progress counts something else
        self.status = Chip()
        self.notice = Notice(theme)
        self.tiles = {name: StatTile(title) for name, title in _TILES}
        self.chart = LossChart(theme)
        self.stages = StageList(theme)
        self.log = LogView()
        self.recipe = RecipeView()
        self._head = PageHead("", "", *self._buttons)
        self.title = self._head.title
        body = QSplitter(Qt.Orientation.Vertical)
        body.addWidget(self.chart)
        body.addWidget(self._build_below())
        body.setStretchFactor(0, 3)
        body.setStretchFactor(1, 2)
        body.setSizes([400, 300])
        body.setHandleWidth(space("m"))
        body.setChildrenCollapsible(False)
        body.setMinimumHeight(_LEAST_BODY_PX)
        inside = column(TileGrid(*self.tiles.values()), gap="m")
        inside.addWidget(body, 1)
        layout = column(self._head, self.notice, gap="m")
        layout.addWidget(scrolled(holder(inside)), 1)
        self.setLayout(layout)
        self._connect()

    def show_run(self, run: RunSummary) -> None:
        """Another run is shown: its name, and nothing of the one before."""
        self.title.setText(run.title)
        self._head.about.setText(f"{moment_in_words(run.made_s)}  ·  {run.folder.name}")
        self.log.clear_log()
        self.recipe.show_recipe(None)
        self._steps = None
        self.show_state(RunState())
        self.show_status(run.status)

    def show_recipe(self, recipe: TrainRecipe | None) -> None:
        """The locked recipe, read from the run folder."""
        self.recipe.show_recipe(recipe)

    def show_status(self, status: RunStatus) -> None:
        """Which buttons make sense now."""
        self.status.show_as(status, STATUS_TONES[status])
        is_running = status in ("running", "starting", "stopping")
        for target in (self.stop_save_button, self.stop_now_button):
            target.setVisible(is_running)
        allow(self.stop_save_button, status != "stopping", "The worker is stopping already.")
        self.resume_button.setVisible(status in _RESUMABLE)
        self.export_button.setVisible(status == "finished")

    def show_state(self, state: RunState) -> None:
        """Everything that the events told."""
        self.chart.show_curve(state.curve)
        self.stages.show_state(state)
        self.log.show_state(state)
        self._show_tiles(state)
        self._show_outcome(state)
        has_checkpoint = bool(state.checkpoints)
        self.resume_button.setText("Resume" if has_checkpoint else "Try again")
        again = "Go on from the newest complete checkpoint." if has_checkpoint else "Start the same recipe once more."
        plain_tooltip(self.resume_button, again)

    def _show_tiles(self, state: RunState) -> None:
        last = state.curve.last
        steps = state.progress if state.progress is not None and state.progress.unit == "steps" else None
        self._steps = steps.total if steps is not None and steps.total else self._steps
        of = f" / {self._steps:,}" if self._steps and state.is_running else ""
        epoch = last("epoch")
        self.tiles["step"].show_figure(f"{state.step:,}{of}", f"epoch {epoch:.2f}" if epoch else "not begun")
        validation, rate, tokens = last("validation_loss"), last("learning_rate"), last("tokens_per_s")
        note = "no validation yet" if validation is None else f"validation {validation:.4g}"
        self.tiles["loss"].show_figure(_figure(last("loss"), ".4g"), note)
        self.tiles["speed"].show_figure(_figure(tokens, ",.0f"), f"learning rate {_figure(rate, '.3g')}")
        left = state.remaining_s if steps is not None and state.is_running else None
        note = f"{seconds_in_words(left)} left" if left is not None else "in all" if state.outcome else "since it began"
        self.tiles["time"].show_figure(seconds_in_words(state.elapsed_s), note)
        now = state.memory.rss_bytes if state.memory is not None else state.peak_rss_bytes
        gpu = state.memory.gpu_bytes if state.memory is not None else None
        note = f"GPU {bytes_in_words(gpu)}" if gpu else f"peak {bytes_in_words(state.peak_rss_bytes)}"
        self.tiles["memory"].show_figure(bytes_in_words(now) if now else "–", note if now else "")

    def _show_outcome(self, state: RunState) -> None:
        outcome = state.outcome
        if outcome is None:
            self.notice.be_quiet()
            return
        level = {"finished": "success", "stopped": "warning", "failed": "error"}[outcome.kind]
        self.notice.say(level, outcome.sentence, outcome.hint)  # pyright: ignore[reportArgumentType]

    def _build_buttons(self, theme: ThemeSwitcher) -> None:
        self.stop_save_button = button("Stop and save", tooltip="Write a checkpoint, then end; it can be resumed.")
        self.stop_now_button = button("Stop now", "danger", tooltip="End at the next step without saving.")
        self.resume_button = button("Resume", "primary")
        self.export_button = button("Export…", "primary")
        self._more_button = button("More")
        self._menu = QMenu(self._more_button)
        self._menu.addAction("Copy as command", self.command_requested.emit)
        self._menu.addAction("New run with these settings", self.reuse_requested.emit)
        self._menu.addAction("Show in file manager", self.reveal_requested.emit)
        self._more_button.setMenu(self._menu)
        for target, icon in ((self.stop_save_button, "stop"), (self.stop_now_button, "close")):
            theme.dress(target, icon, "danger" if target is self.stop_now_button else "text")
        theme.dress(self.resume_button, "play", "on_accent")
        self._buttons = (
            self._more_button, self.stop_save_button, self.stop_now_button, self.resume_button, self.export_button,
        )  # fmt: skip

    def _build_below(self) -> QWidget:
        self._details = QStackedWidget()
        self._switches = QButtonGroup(self)
        card = Card()
        switches = row(gap="xs")
        for number, (title, page) in enumerate((("Log", self.log), ("Recipe of this run", self.recipe))):
            self._details.addWidget(page)
            made = button(title, "quiet")
            made.setCheckable(True)
            self._switches.addButton(made, number)
            switches.addWidget(made)
        switches.addStretch(1)
        self._switches.button(0).setChecked(True)
        card.add(switches)
        card.add(self._details, 1)
        stages = Card("Stages")
        stages.head.addWidget(self.status)
        stages.add(scrolled(self.stages), 1)
        stages.setMinimumWidth(230)
        below = QSplitter(Qt.Orientation.Horizontal)
        below.addWidget(card)
        below.addWidget(stages)
        below.setStretchFactor(0, 3)
        below.setStretchFactor(1, 1)
        below.setSizes([640, 280])
        below.setHandleWidth(space("m"))
        below.setChildrenCollapsible(False)
        return below

    def _connect(self) -> None:
        self.stop_save_button.clicked.connect(self._on_stop_save_clicked)
        self.stop_now_button.clicked.connect(self._on_stop_now_clicked)
        self.resume_button.clicked.connect(self.resume_requested)
        self.export_button.clicked.connect(self.export_requested)
        self._switches.idClicked.connect(self.show_details)

    @Slot(int)
    def show_details(self, number: int) -> None:
        """0: the log, 1: the recipe."""
        self._switches.button(number).setChecked(True)
        self._details.setCurrentIndex(number)

    @Slot()
    def _on_stop_save_clicked(self) -> None:
        self.stop_requested.emit("save")

    @Slot()
    def _on_stop_now_clicked(self) -> None:
        self.stop_requested.emit("now")


_TILES = (("step", "Step"), ("loss", "Loss"), ("speed", "Tokens / s"), ("time", "Elapsed"), ("memory", "Memory"))


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
