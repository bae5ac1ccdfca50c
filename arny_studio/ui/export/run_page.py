"""One export: its stages with bytes, the files it made, warnings, and what to do with them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QSplitter, QWidget

from arny_studio.jobs.events import Artifact
from arny_studio.jobs.state import RunState
from arny_studio.recipe import ExportRecipe
from arny_studio.ui.export.files_model import FilesModel
from arny_studio.ui.runs.log_view import LogView
from arny_studio.ui.runs.stage_list import StageList
from arny_studio.ui.runs.summary import STATUS_TONES, RunStatus, RunSummary
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import column, scrolled, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import allow, breakable, button, label, plain_tooltip
from arny_studio.ui.wording import moment_in_words, seconds_in_words

_NO_FILE = "Choose a GGUF in the list of files."


class ExportPage(QWidget):
    """Shows what it is told of one export; says what the user wants done with it."""

    stop_requested = Signal()
    again_requested = Signal()
    chat_requested = Signal(object)  # Artifact
    evaluate_requested = Signal(object)  # Artifact
    reveal_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._build_buttons(theme)
        self.status = Chip()
        self.notice, self.warnings = Notice(theme), Notice(theme)
        self.stages = StageList(theme)
        self.files = FilesModel(self)
        self.table = Table(self.files, {1: 80, 2: 90, 3: 130}, 0, hidden_below={1: 420, 3: 520})
        self.table.setAccessibleName("Files of the export")
        self.log = LogView()
        self.recipe = label(role="muted", wraps=True)
        self._head = PageHead("", "", *self._buttons)
        layout = column(self._head, self.notice, self.warnings, gap="m")
        layout.addWidget(self._build_body(), 1)
        self.setLayout(layout)
        self._connect()

    def show_run(self, run: RunSummary) -> None:
        """Another export is shown."""
        self._head.title.setText(run.title)
        self._head.about.setText(f"{moment_in_words(run.made_s)}  ·  {run.folder.name}")
        self.log.clear_log()
        self.recipe.setText("")
        self.show_state(RunState())
        self.show_status(run.status)

    def show_recipe(self, recipe: ExportRecipe) -> None:
        """The locked recipe, in words."""
        base, adapter = Path(recipe.base), Path(recipe.adapter)
        source = f"{_name_of(adapter)} on {base.name}" if recipe.adapter else base.name
        self.recipe.setText(breakable(f"{', '.join(recipe.quants)} of {source}"))
        plain_tooltip(self.recipe, f"{adapter} on {base}" if recipe.adapter else str(base))

    def show_status(self, status: RunStatus) -> None:
        """Which buttons make sense now."""
        self.status.show_as(status, STATUS_TONES[status])
        self.stop_button.setVisible(status in ("starting", "running", "stopping"))
        allow(self.stop_button, status != "stopping", "The export is stopping already.")
        self.again_button.setVisible(status in ("failed", "stopped", "new"))
        for target in (self.chat_button, self.evaluate_button):
            target.setVisible(status == "finished")

    def show_state(self, state: RunState) -> None:
        """Everything that the events told."""
        self.stages.show_state(state)
        self.log.show_state(state)
        self.files.show_files(state.artifacts)
        if self.table.currentIndex().row() < 0 and state.artifacts:
            self.table.select_line(self._best_line(state.artifacts))
        self._allow_handovers()
        self._show_outcome(state)
        warnings = [line.text for line in state.log if line.level == "warning"]
        if warnings:
            self.warnings.say("warning", "\n".join(warnings[-4:]))
        else:
            self.warnings.be_quiet()

    def _show_outcome(self, state: RunState) -> None:
        outcome = state.outcome
        if outcome is None:
            self.notice.be_quiet()
        elif outcome.kind == "failed":
            self.notice.say("error", outcome.sentence, outcome.hint or "Nothing was left under a final name.")
        elif outcome.kind == "stopped":
            self.notice.say("warning", outcome.sentence)
        else:
            self.notice.say("success", f"Done in {seconds_in_words(state.elapsed_s)}: {outcome.sentence}")

    def _best_line(self, files: tuple[Artifact, ...]) -> int:
        """The smallest GGUF: the one for the phone."""
        sizes = [(file.size_bytes, line) for line, file in enumerate(files) if file.kind == "gguf"]
        return min(sizes)[1] if sizes else 0

    @property
    def chosen_file(self) -> Artifact | None:
        """The GGUF that is selected."""
        line = self.table.currentIndex().row()
        if not 0 <= line < len(self.files.items):
            return None
        file = self.files.items[line]
        return file if file.kind == "gguf" else None

    def _build_buttons(self, theme: ThemeSwitcher) -> None:
        self.reveal_button = button("Show files")
        self.stop_button = button("Cancel", "danger", tooltip="Nothing is left under a final name.")
        self.again_button = button("Try again", "primary", tooltip="Run the same export once more.")
        self.evaluate_button = button("Evaluate")
        self.chat_button = button("Open in Chat", "primary")
        theme.dress(self.reveal_button, "folder", "text_muted")
        theme.dress(self.stop_button, "close", "danger")
        theme.dress(self.again_button, "refresh", "on_accent")
        theme.dress(self.evaluate_button, "evaluate", "text_muted")
        theme.dress(self.chat_button, "chat", "on_accent")
        self._buttons = (
            self.reveal_button, self.stop_button, self.again_button, self.evaluate_button, self.chat_button,
        )  # fmt: skip

    def _build_body(self) -> QWidget:
        stages = Card("Stages")
        stages.head.addWidget(self.status)
        stages.add(scrolled(self.stages), 1)
        stages.add(self.recipe)
        stages.setMinimumWidth(240)
        files = Card("Files", flush=True)
        files.add(self.table, 1)
        log = Card("Log")
        log.add(self.log, 1)
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(files)
        right.addWidget(log)
        right.setStretchFactor(0, 3)
        right.setStretchFactor(1, 2)
        right.setSizes([440, 220])
        body = QSplitter(Qt.Orientation.Horizontal)
        body.addWidget(stages)
        body.addWidget(right)
        body.setStretchFactor(1, 1)
        body.setSizes([320, 620])
        for splitter in (right, body):
            splitter.setHandleWidth(space("m"))
            splitter.setChildrenCollapsible(False)
        return body

    def _connect(self) -> None:
        self.stop_button.clicked.connect(self.stop_requested)
        self.again_button.clicked.connect(self.again_requested)
        self.reveal_button.clicked.connect(self.reveal_requested)
        self.chat_button.clicked.connect(self._on_chat_clicked)
        self.evaluate_button.clicked.connect(self._on_evaluate_clicked)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, _current: QModelIndex, _previous: QModelIndex) -> None:
        self._allow_handovers()

    def _allow_handovers(self) -> None:
        has_file = self.chosen_file is not None
        allow(self.chat_button, has_file, _NO_FILE, tooltip="Put this file into the simulated phone.")
        allow(self.evaluate_button, has_file, _NO_FILE, tooltip="Score this file on held-out samples.")

    @Slot()
    def _on_chat_clicked(self) -> None:
        self.chat_requested.emit(self.chosen_file)

    @Slot()
    def _on_evaluate_clicked(self) -> None:
        self.evaluate_requested.emit(self.chosen_file)


def _name_of(adapter: Path) -> str:
    """The run that made it, without its time: an adapter's own folder is called like all the others."""
    return adapter.parent.parent.name.partition("-")[2] if adapter.parent.name == "outputs" else adapter.name
