"""One export or check: its stages with bytes, the files and their verdicts, what flipped, where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, Signal, Slot
from PySide6.QtWidgets import QMenu, QSplitter, QTabWidget, QWidget

from arny_studio.evaluation.parity import FileParity, ParityReport
from arny_studio.jobs.state import RunState
from arny_studio.recipe import BundleTarget, ExportRecipe, ParityLimits, VerifyRecipe
from arny_studio.ui.export.checks_view import ChecksView
from arny_studio.ui.export.files_model import FileLine, FilesModel, file_lines
from arny_studio.ui.export.lineage_view import LineageView
from arny_studio.ui.export.prompts_view import PromptsView
from arny_studio.ui.export.verdict_view import VerdictView
from arny_studio.ui.runs.log_view import LogView
from arny_studio.ui.runs.stage_list import StageList
from arny_studio.ui.runs.summary import STATUS_TONES, RunStatus, RunSummary
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import column, scrolled, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.table import ROW_PX, Table
from arny_studio.ui.widgets.text import allow, breakable, button, label, plain_tooltip
from arny_studio.ui.wording import moment_in_words, seconds_in_words

_NO_FILE = "Choose a GGUF in the list of files."
BUNDLES: dict[BundleTarget, str] = {
    "phone": "Phone bundle for the Flutter app…",
    "ollama": "Ollama…",
    "lm-studio": "LM Studio…",
    "llama-cli": "llama.cpp command line…",
    "sideload": "Sideload sheet (PocketPal, ChatterUI, LLM Farm)…",
}


class ExportPage(QWidget):
    """Shows what it is told of one export; says what the user wants done with it."""

    stop_requested = Signal()
    again_requested = Signal()
    chat_requested = Signal(object)  # Artifact
    evaluate_requested = Signal(object)  # Artifact
    bundle_requested = Signal(str, object)  # BundleTarget, Artifact
    reveal_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._build_buttons(theme)
        self.status = Chip()
        self.notice, self.warnings = Notice(theme), Notice(theme)
        self.stages = StageList(theme)
        self.files = FilesModel(self)
        widths = {1: 78, 2: 78, 3: 82, 4: 58, 5: 64, 6: 74, 7: 80}
        self.table = Table(self.files, widths, 0, hidden_below={7: 800, 6: 640, 3: 580, 5: 500, 4: 440})
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # the format is at the end of the name
        self.table.setItemDelegate(CellDelegate(theme, self.table))
        self.table.setAccessibleName("Files of the export")
        self.verdict, self.prompts, self.checks = VerdictView(), PromptsView(theme), ChecksView(theme)
        self.lineage, self.log = LineageView(), LogView()
        self.recipe = label(role="muted", wraps=True)
        self._limits = ParityLimits()
        self._report: ParityReport | None = None
        self._is_picked = False  # the file was selected by the user
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
        self._is_picked = False
        self._limits = ParityLimits()
        self.show_records(None, {})
        self.show_state(RunState())
        self.show_status(run.status)

    def show_recipe(self, recipe: ExportRecipe | VerifyRecipe) -> None:
        """The locked recipe, in words."""
        self._limits = recipe.parity.limits
        if isinstance(recipe, VerifyRecipe):
            against = f" against {Path(recipe.reference).name}" if recipe.reference else ""
            self.recipe.setText(breakable(f"Check of {Path(recipe.file).name}{against}"))
            plain_tooltip(self.recipe, recipe.file)
            return
        base, adapter = Path(recipe.base), Path(recipe.adapter)
        source = f"{_name_of(adapter)} on {base.name}" if recipe.adapter else base.name
        self.recipe.setText(breakable(f"{', '.join(recipe.quants)} of {source}"))
        plain_tooltip(self.recipe, f"{adapter} on {base}" if recipe.adapter else str(base))

    def show_records(self, report: ParityReport | None, lineage: dict[str, Any]) -> None:
        """What lies beside the files once they are made: `parity.json` and `lineage.json`."""
        self._report = report
        self.lineage.show_lineage(lineage)
        self._allow_details(self.lineage, bool(lineage))
        self._show_chosen()

    def show_status(self, status: RunStatus) -> None:
        """Which buttons make sense now."""
        self.status.show_as(status, STATUS_TONES[status])
        self.stop_button.setVisible(status in ("starting", "running", "stopping"))
        allow(self.stop_button, status != "stopping", "The export is stopping already.")
        self.again_button.setVisible(status in ("failed", "stopped", "new"))
        for target in (self.chat_button, self.evaluate_button, self.hand_over_button):
            target.setVisible(status == "finished" and any(line.artifact and line.is_gguf for line in self.files.items))

    def show_state(self, state: RunState) -> None:
        """Everything that the events told."""
        self.stages.show_state(state)
        self.log.show_state(state)
        self.checks.show_results(state.results)
        self._allow_details(self.checks, self.checks.has_checks)
        self._show_files(state)
        self._show_outcome(state)
        if state.outcome is not None and state.outcome.kind == "finished":
            self.show_status("finished")
        warnings = [line.text for line in state.log if line.level == "warning"]
        if warnings:
            self.warnings.say("warning", "\n".join(warnings[-4:]))
        else:
            self.warnings.be_quiet()

    def _show_files(self, state: RunState) -> None:
        """The file that the user picked stays selected; else the newest verdict, and at the end the best file."""
        chosen = self.chosen_line
        lines = file_lines(state)
        has_changed = lines != self.files.items
        self.files.show_files(lines)
        names = [line.name for line in lines]
        if names and self._is_picked and chosen is not None and chosen.name in names:
            if has_changed:
                self._select_line(names.index(chosen.name))
        elif names and has_changed:
            self._select_line(self._best_line())
        self._show_chosen()

    def _select_line(self, line: int) -> None:
        """Select a line, which is no choice of the user's."""
        is_picked = self._is_picked
        self.table.select_line(line)
        self._is_picked = is_picked

    def show_details(self, title: str) -> None:
        """Bring one of the views under the files to the front."""
        for number in range(self._tabs.count()):
            if self._tabs.tabText(number) == title:
                self._tabs.setCurrentIndex(number)

    def _allow_details(self, view: QWidget, has_any: bool) -> None:
        """Show the tab of a view that has something to show, and no other."""
        number = self._tabs.indexOf(view)
        if self._tabs.isTabVisible(number) != has_any:
            self._tabs.setTabVisible(number, has_any)
            # The bar keeps the place of a hidden tab until it is laid out again, which a text does.
            self._tabs.setTabText(number, self._tabs.tabText(number))

    def say_bundled(self, sentence: str) -> None:
        """A bundle of a file of this export is ready."""
        self.notice.say("success", sentence)

    def _show_outcome(self, state: RunState) -> None:
        outcome = state.outcome
        if outcome is None:
            self.notice.be_quiet()
        elif outcome.kind == "failed":
            self.notice.say("error", outcome.sentence, outcome.hint or "Nothing was left under a final name.")
        elif outcome.kind == "stopped":
            self.notice.say("warning", outcome.sentence)
        else:
            red = [line.name for line in self.files.items if line.parity is not None and line.parity.verdict == "red"]
            level = "error" if outcome.found_problems else "success"
            place = state.results.get("delivered", {}).get("folder")
            said = (f"Not ready: {', '.join(red)}." if red else "", f"They are in {place} as well." if place else "")
            hint = " ".join(part for part in said if part)
            self.notice.say(level, f"Done in {seconds_in_words(state.elapsed_s)}: {outcome.sentence}", hint)

    def _best_line(self) -> int:
        """The smallest GGUF that is not red: the one for the phone; while none has its name, the last one judged."""
        sizes = [
            (line.parity is not None and line.parity.verdict == "red", line.artifact.size_bytes, number)
            for number, line in enumerate(self.files.items)
            if line.artifact is not None and line.is_gguf
        ]
        return min(sizes)[2] if sizes else len(self.files.items) - 1

    @property
    def chosen_line(self) -> FileLine | None:
        """The file that is selected."""
        line = self.table.currentIndex().row()
        return self.files.items[line] if 0 <= line < len(self.files.items) else None

    @property
    def chosen_file(self) -> FileLine | None:
        """The GGUF that is selected and there."""
        line = self.chosen_line
        return line if line is not None and line.is_gguf and line.artifact is not None else None

    def _build_buttons(self, theme: ThemeSwitcher) -> None:
        self.reveal_button = button("Show files")
        self.stop_button = button("Cancel", "danger", tooltip="Nothing is left under a final name.")
        self.again_button = button("Try again", "primary", tooltip="Run the same export once more.")
        self.hand_over_button = button("Hand over")
        self.evaluate_button = button("Evaluate")
        self.chat_button = button("Open in Chat", "primary")
        menu = QMenu(self.hand_over_button)
        for target, words in BUNDLES.items():
            menu.addAction(words).setData(target)
        menu.triggered.connect(self._on_bundle_chosen)
        self.hand_over_button.setMenu(menu)
        theme.dress(self.reveal_button, "folder", "text_muted")
        theme.dress(self.stop_button, "close", "danger")
        theme.dress(self.again_button, "refresh", "on_accent")
        theme.dress(self.hand_over_button, "export", "text_muted")
        theme.dress(self.evaluate_button, "evaluate", "text_muted")
        theme.dress(self.chat_button, "chat", "on_accent")
        self._buttons = (
            self.reveal_button, self.stop_button, self.again_button, self.hand_over_button, self.evaluate_button,
            self.chat_button,
        )  # fmt: skip

    def _build_body(self) -> QWidget:
        stages = Card("Stages")
        stages.head.addWidget(self.status)
        stages.add(scrolled(self.stages), 1)
        stages.add(self.recipe)
        stages.setMinimumWidth(180)
        files = Card("Files", flush=True)
        files.add(self.table, 1)
        files.setMinimumHeight(ROW_PX * 4)
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(files)
        right.addWidget(self._build_details())
        right.setStretchFactor(0, 2)
        right.setStretchFactor(1, 5)
        right.setSizes([250, 450])
        body = QSplitter(Qt.Orientation.Horizontal)
        body.addWidget(stages)
        body.addWidget(right)
        body.setStretchFactor(1, 1)
        body.setSizes([212, 756])
        for splitter in (right, body):
            splitter.setHandleWidth(space("m"))
            splitter.setChildrenCollapsible(False)
        return body

    def _build_details(self) -> QWidget:
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        for title, view in (
            ("Verdict", scrolled(self.verdict)), ("Prompts", self.prompts), ("Checks", self.checks),
            ("Lineage", self.lineage), ("Log", self.log),
        ):  # fmt: skip
            self._tabs.addTab(view, title)
        card = Card(flush=True)
        card.body.setContentsMargins(0, space("xs"), 0, 0)
        card.add(self._tabs, 1)
        return card

    def _connect(self) -> None:
        self.stop_button.clicked.connect(self.stop_requested)
        self.again_button.clicked.connect(self.again_requested)
        self.reveal_button.clicked.connect(self.reveal_requested)
        self.chat_button.clicked.connect(self._on_chat_clicked)
        self.evaluate_button.clicked.connect(self._on_evaluate_clicked)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)
        self.table.pressed.connect(self._on_pressed)

    @Slot(QModelIndex)
    def _on_pressed(self, _index: QModelIndex) -> None:
        self._is_picked = True

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        self._is_picked = current.isValid()
        self._show_chosen()

    def _show_chosen(self) -> None:
        """Verdict and prompts of the chosen file, and what may be done with it."""
        line = self.chosen_line
        parity = self._whole(line) if line is not None else None
        if line is None or parity is None:
            self.verdict.show_nothing(has_files=any(other.parity for other in self.files.items))
        else:
            trainer = self._report.trainer if self._report is not None else None
            self.verdict.show_parity(line.name, parity, self._limits, trainer)
        self.prompts.show_parity(parity)
        is_red = parity is not None and parity.verdict == "red"
        has_file = self.chosen_file is not None
        for target, tooltip in (
            (self.chat_button, "Put this file into the simulated phone."),
            (self.evaluate_button, "Score this file on held-out samples."),
            (self.hand_over_button, "Make a folder that another program takes as it is."),
        ):
            allow(target, has_file, _NO_FILE, tooltip=tooltip)
        if has_file and is_red:
            allow(self.hand_over_button, False, "This file is red: it does not behave like F16.")

    def _whole(self, line: FileLine) -> FileParity | None:
        """With its prompts where `parity.json` was read, else as the events told."""
        if self._report is not None and line.name in self._report.files:
            return self._report.files[line.name]
        return line.parity

    @Slot()
    def _on_chat_clicked(self) -> None:
        if self.chosen_file is not None:
            self.chat_requested.emit(self.chosen_file.artifact)

    @Slot()
    def _on_evaluate_clicked(self) -> None:
        if self.chosen_file is not None:
            self.evaluate_requested.emit(self.chosen_file.artifact)

    @Slot(object)
    def _on_bundle_chosen(self, action: Any) -> None:
        if self.chosen_file is not None:
            self.bundle_requested.emit(action.data(), self.chosen_file.artifact)


def _name_of(adapter: Path) -> str:
    """The run that made it, without its time: an adapter's own folder is called like all the others."""
    return adapter.parent.parent.name.partition("-")[2] if adapter.parent.name == "outputs" else adapter.name
