"""One training run: how it stands, its curves, its answers, its log, and the recipe that it really runs."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QMenu, QProgressBar, QSplitter, QStackedWidget, QWidget

from arny_studio.jobs.state import RunState
from arny_studio.jobs.used_data import used_data, used_in_words
from arny_studio.recipe import TrainRecipe
from arny_studio.ui.runs.log_view import LogView
from arny_studio.ui.runs.notes_view import NotesView
from arny_studio.ui.runs.recipe_view import RecipeView
from arny_studio.ui.runs.stage_list import StageList, progress_in_words
from arny_studio.ui.runs.summary import STATUS_TONES, RunStatus, RunSummary
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.answers_view import AnswersView
from arny_studio.ui.train.curve_board import CurveBoard
from arny_studio.ui.train.run_tiles import RunTiles
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import column, holder, row, scrolled, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import allow, button, label, plain_tooltip
from arny_studio.ui.wording import bytes_in_words, moment_in_words, seconds_in_words

_RESUMABLE: tuple[RunStatus, ...] = ("stopped", "failed", "new")
CURVES, ANSWERS, LOG, RECIPE, NOTES = range(5)
_LOW_BELOW_PX = 640
_PARTS = ("Curves", "Answers", "Log", "Recipe", "Notes")


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
        self.status = Chip()
        self.notice = Notice(theme)
        self.tiles = RunTiles()
        self.curves = CurveBoard(theme)
        self.answers = AnswersView()
        self.stages = StageList(theme)
        self.log = LogView()
        self.recipe = RecipeView()
        self._licence = label(role="muted", wraps=True, selectable=True)
        self._data = label(role="muted", wraps=True, selectable=True)
        self.notes = NotesView()
        self._head = PageHead("", "", self.status, *self._buttons)
        self.title = self._head.title
        self._doing = label(role="caption")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._live = holder(row(self._doing, self._progress, gap="m"))
        layout = column(self._head, self.notice, self._live, self.tiles, gap="m")
        layout.addWidget(self._build_parts(), 1)
        self.setLayout(layout)
        self._connect()

    def show_run(self, run: RunSummary) -> None:
        """Another run is shown: its name, and nothing of the one before."""
        self.title.setText(run.title)
        self._head.about.setText(f"{moment_in_words(run.made_s)}  ·  {run.folder.name}")
        self.notes.flush()
        self.log.clear_log()
        self.recipe.show_recipe(None)
        self.curves.forget()
        self.tiles.forget()
        self.show_state(RunState())
        self.show_status(run.status)

    def show_recipe(self, recipe: TrainRecipe) -> None:
        """Show the locked recipe of the run."""
        self.recipe.show_recipe(recipe)

    def show_status(self, status: RunStatus) -> None:
        """How it stands, and with it which buttons make sense."""
        self.status.show_as(status, STATUS_TONES[status])
        is_running = status in ("running", "starting", "stopping")
        for target in (self.stop_save_button, self.stop_now_button):
            target.setVisible(is_running)
        allow(self.stop_save_button, status != "stopping", "The worker is stopping already.")
        self.resume_button.setVisible(status in _RESUMABLE)
        self.export_button.setVisible(status == "finished")

    def show_state(self, state: RunState) -> None:
        """Everything that the events told."""
        self.curves.show_state(state)
        self.answers.show_state(state)
        self.stages.show_state(state)
        self.log.show_state(state)
        self.tiles.show_state(state)
        self._show_progress(state)
        self._show_outcome(state)
        self._show_licence(state.results.get("licence", {}))
        self._show_data(state)
        self._parts.button(ANSWERS).setVisible(bool(state.answers) or self._details.currentIndex() == ANSWERS)
        newest = state.checkpoints[-1].step if state.checkpoints else None
        self.resume_button.setText("Try again" if newest is None else f"Resume from step {newest:,}")
        again = "Start the same recipe once more." if newest is None else "Go on from the newest complete checkpoint."
        plain_tooltip(self.resume_button, again)

    def _show_progress(self, state: RunState) -> None:
        """One line for what it does right now."""
        self._live.setVisible(state.is_running)
        if not state.is_running:
            return
        fraction, stage = state.fraction, state.stage
        parts = [stage.title if stage else "Starting", progress_in_words(state)]
        self._doing.setText("  ·  ".join(part for part in parts if part))
        self._progress.setRange(0, 0 if fraction is None else 1000)
        self._progress.setValue(0 if fraction is None else round(1000 * fraction))

    def _show_licence(self, licence: dict[str, Any]) -> None:
        said = f"Licence of the base: {licence.get('licence', '')}. {licence.get('note', '')}".strip()
        self._licence.setText(said if licence else "")
        self._licence.setVisible(bool(licence))

    def _show_data(self, state: RunState) -> None:
        """Which state of its datasets the run used: they may have been edited since."""
        used = used_data(state)
        self._data.setText("\n".join(f"Data as it was used: {used_in_words(one)}" for one in used))
        self._data.setVisible(bool(used))
        plain_tooltip(self._data, "\n".join(one.path for one in used))

    def _show_outcome(self, state: RunState) -> None:
        outcome = state.outcome
        if outcome is None:
            self.notice.be_quiet()
            return
        level = {"finished": "success", "stopped": "warning", "failed": "error"}[outcome.kind]
        hint = " ".join(part for part in (outcome.hint, _estimates_in_words(state.results.get("estimate", {}))) if part)
        self.notice.say(level, outcome.sentence, hint)  # pyright: ignore[reportArgumentType]

    def _build_buttons(self, theme: ThemeSwitcher) -> None:
        self.stop_save_button = button(
            "Stop and save", "primary", tooltip="Write a checkpoint, then end; it can be resumed."
        )
        self.stop_now_button = button("Stop now", "danger", tooltip="End at the next step without saving.")
        self.resume_button = button("Resume", "primary")
        self.export_button = button("Export…", "primary")
        self._more_button = button("More")
        self._more_button.setProperty("has_menu", "true")
        self._menu = QMenu(self._more_button)
        self._menu.addAction("Clone with changes", self.reuse_requested.emit)
        self._menu.addAction("Copy as command", self.command_requested.emit)
        self._menu.addAction("Show in file manager", self.reveal_requested.emit)
        self._more_button.setMenu(self._menu)
        for target, icon in ((self.stop_save_button, "stop"), (self.stop_now_button, "close")):
            theme.dress(target, icon, "danger" if target is self.stop_now_button else "on_accent")
        theme.dress(self.resume_button, "play", "on_accent")
        self._buttons = (
            self._more_button, self.stop_now_button, self.stop_save_button, self.resume_button, self.export_button,
        )  # fmt: skip

    def _build_parts(self) -> QWidget:
        """The parts of the page, one at a time; the curves bring controls of their own."""
        self._details = QStackedWidget()
        self._parts = QButtonGroup(self)
        switches = row(gap="xs")
        pages = (
            self.curves,
            _in_card(self.answers),
            self._build_log(),
            _in_card(self.recipe, self._licence, self._data),
            _in_card(self.notes),
        )
        for number, (title, page) in enumerate(zip(_PARTS, pages, strict=True)):
            self._details.addWidget(page)
            made = button(title, "quiet")
            made.setCheckable(True)
            self._parts.addButton(made, number)
            switches.addWidget(made)
        switches.addStretch(1)
        switches.addWidget(self.curves.controls)
        self._parts.button(CURVES).setChecked(True)
        body = column(switches, gap="s")
        body.addWidget(self._details, 1)
        return holder(body)

    def _build_log(self) -> QWidget:
        stages = Card("Stages")
        stages.add(scrolled(self.stages), 1)
        stages.setMinimumWidth(200)
        log = Card("Log")
        log.add(self.log, 1)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.addWidget(log)
        parts.addWidget(stages)
        parts.setStretchFactor(0, 1)
        parts.setSizes([640, 270])
        parts.setHandleWidth(space("m"))
        parts.setChildrenCollapsible(False)
        return parts

    def _connect(self) -> None:
        self.stop_save_button.clicked.connect(self._on_stop_save_clicked)
        self.stop_now_button.clicked.connect(self._on_stop_now_clicked)
        self.resume_button.clicked.connect(self.resume_requested)
        self.export_button.clicked.connect(self.export_requested)
        self._parts.idClicked.connect(self.show_part)

    @Slot(int)
    def show_part(self, number: int) -> None:
        """CURVES, ANSWERS, LOG, RECIPE or NOTES."""
        self._parts.button(number).setChecked(True)
        self._details.setCurrentIndex(number)
        self.curves.controls.setVisible(number == CURVES)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A low window keeps its room for the curves."""
        super().resizeEvent(event)
        self.tiles.set_low(event.size().height() < _LOW_BELOW_PX)

    @Slot()
    def _on_stop_save_clicked(self) -> None:
        self.stop_requested.emit("save")

    @Slot()
    def _on_stop_now_clicked(self) -> None:
        self.stop_requested.emit("now")


def _estimates_in_words(figures: dict[str, Any]) -> str:
    """How far the estimates before the start were from what happened."""
    told = []
    if figures.get("predicted_s") and figures.get("took_s"):
        took, predicted = seconds_in_words(figures["took_s"]), seconds_in_words(figures["predicted_s"])
        told.append(f"took {took} of training, {predicted} were foreseen")
    if figures.get("predicted_bytes") and figures.get("peak_bytes"):
        peak, predicted = bytes_in_words(figures["peak_bytes"]), bytes_in_words(figures["predicted_bytes"])
        told.append(f"needed {peak} of memory, {predicted} were foreseen")
    return f"It {'; it '.join(told)}." if told else ""


def _in_card(widget: QWidget, *above: QWidget) -> Card:
    card = Card()
    for line in above:
        card.add(line)
    card.add(widget, 1)
    return card
