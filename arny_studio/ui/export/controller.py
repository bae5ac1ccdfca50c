"""Decides about exports: what may be exported, start, cancel, and where the files go next."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QLineEdit

from arny_studio.errors import ArnyError
from arny_studio.extras import missing_extra
from arny_studio.jobs.answers import planned_export
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import BundleRecipe, ExportRecipe, VerifyRecipe
from arny_studio.recipe.plan import ExportPlan
from arny_studio.ui.background import Background
from arny_studio.ui.export.form import FROM_RUN
from arny_studio.ui.export.quants_model import QUANTS
from arny_studio.ui.export.records import Records, partner_of, read_records
from arny_studio.ui.export.sources import FinishedRun, finished_runs, recipe_of
from arny_studio.ui.export.tab import ExportTab
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.runs.run_board import RunBoard
from arny_studio.ui.tab import ChatWith, EvaluateModel, ExportRun, Handover, TabContext

_PLAN_AFTER_MS = 300  # after the last key stroke


class ExportController(QObject):
    """Between the Export tab, the workspace and the jobs."""

    def __init__(self, tab: ExportTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._background = Background(context.messages.show_error)
        self._wanted: RunFolder | None = None  # handed over before the list of runs was read
        self._planned: ExportRecipe | None = None  # what the form's sizes are of
        self._was_shown = False  # until then nobody sees a plan, and each takes a process
        self._plan_timer = QTimer(self)
        self._plan_timer.setSingleShot(True)
        self._plan_timer.setInterval(_PLAN_AFTER_MS)
        self._plan_timer.timeout.connect(self._on_plan_due)
        self.board = RunBoard("export verify", context, self._background, tab.runs, tab.run, self)
        self._connect()
        self._add_actions()
        self.refresh()

    def receive(self, handover: Handover) -> None:
        """Take a finished run that another tab hands over."""
        if isinstance(handover, ExportRun):
            self._wanted = RunFolder(handover.folder)
            self._on_new_requested()
            self._tab.form.show_source(FROM_RUN)
            self.refresh()

    def come_to_front(self) -> None:
        """The tab is shown: from now on it says how large files will be."""
        self._was_shown = True
        self.refresh()

    def refresh(self) -> None:
        """Look again at what the workspace holds."""
        workspace = self._context.workspace
        self._background.run("sources", partial(finished_runs, workspace), self._on_sources)
        self.board.refresh()

    def close(self) -> None:
        """Let go of what still reads; exports go on."""
        self._plan_timer.stop()
        for topic in ("sources", "plan", "records"):
            self._background.forget(topic)
        self.board.close()

    def _connect(self) -> None:
        tab, run = self._tab, self._tab.run
        tab.start_requested.connect(self._on_start_requested)
        tab.form.changed.connect(self._judge)
        tab.form.base_requested.connect(partial(self._choose_folder, tab.form.base, "base model"))
        tab.form.checked_file_requested.connect(partial(self._choose_gguf, tab.form.checked, "GGUF to check"))
        tab.form.reference_file_requested.connect(partial(self._choose_gguf, tab.form.reference, "F16 GGUF"))
        tab.form.parity.file_requested.connect(self._choose_prompts)
        tab.form.adapter_folder_requested.connect(partial(self._choose_folder, tab.form.adapter, "adapter"))
        tab.form.out_requested.connect(self._choose_place)
        tab.runs.new_requested.connect(self._on_new_requested)
        run.stop_requested.connect(self._on_stop_requested)
        run.again_requested.connect(self._on_again_requested)
        run.chat_requested.connect(self._on_chat_requested)
        run.evaluate_requested.connect(self._on_evaluate_requested)
        run.bundle_requested.connect(self._on_bundle_requested)
        run.reveal_requested.connect(self._on_reveal_requested)
        self.board.shown_changed.connect(self._on_shown_changed)
        self.board.job_started.connect(self._on_job_started)
        self.board.job_ended.connect(self._on_job_ended)
        self._context.jobs.job_ended.connect(self._on_any_job_ended)

    def _add_actions(self) -> None:
        add = partial(self._context.actions.add, tab="export")
        add("export.new", "&New export", self._on_new_requested, menu="File", shortcut="Ctrl+N", icon="plus")
        add("export.start", "&Start export", self._on_start_requested, menu="Run", shortcut="Ctrl+Return", icon="play")
        add("export.stop", "Cancel export", self._on_stop_requested, menu="Run", shortcut="Ctrl+.", icon="stop")

    def _on_sources(self, runs: list[FinishedRun]) -> None:
        self._tab.form.show_runs(runs)
        wanted = next((run for run in runs if run.folder == self._wanted), None)
        if wanted is not None:
            self._tab.form.choose_run(wanted)
            self._wanted = None
        self._judge()

    @Slot()
    def _judge(self) -> None:
        """Say what keeps the form from starting, and find out what it would make."""
        wish = self._tab.form.wish
        needs_llama = wish.checks or any(quant != "F16" for quant in wish.quants)
        purpose = "Checking a GGUF" if wish.checks else "Quantizing"
        missing = missing_extra("infer", purpose) if needs_llama else None
        if missing is not None:
            self._tab.notice.say("warning", missing.sentence, missing.hint)
            self._tab.allow_start(
                missing.sentence if wish.checks else f"{missing.sentence} F16 alone needs nothing more."
            )
            return
        self._tab.notice.be_quiet()
        try:
            recipe = recipe_of(wish)
        except ArnyError as error:
            self._tab.allow_start(error.sentence)
            self._forget_plan(error.sentence)
            return
        self._tab.allow_start("")
        if isinstance(recipe, ExportRecipe) and self._was_shown:
            self._ask_for_plan(recipe)

    def _forget_plan(self, because: str) -> None:
        """Figures of another model must not stand beside what is asked for now."""
        self._planned = None
        self._plan_timer.stop()
        self._background.forget("plan")
        self._tab.form.show_plan(None, because)

    def _ask_for_plan(self, recipe: ExportRecipe) -> None:
        """Sizes of every format, whichever are ticked, so that ticking one costs nothing."""
        asked = replace(recipe, quants=tuple(facts.quant for facts in QUANTS), title="", out="")
        if asked != self._planned:
            self._planned = asked
            self._tab.form.show_plan(None, "Looking at the model…")
            self._plan_timer.start()

    @Slot()
    def _on_plan_due(self) -> None:
        if self._planned is not None:
            workspace = self._context.workspace
            work = partial(planned_export, self._planned, workspace.runs, workspace.models)
            self._background.run("plan", work, self._on_planned, self._on_plan_failed)

    def _on_planned(self, plan: ExportPlan) -> None:
        self._tab.form.show_plan(plan)

    def _on_plan_failed(self, error: Exception) -> None:
        said = f"{error.sentence} {error.hint}".rstrip() if isinstance(error, ArnyError) else str(error)
        self._tab.form.show_plan(None, f"How large the files will be is not known: {said}")

    def _choose_folder(self, target: QLineEdit, what: str) -> None:
        start = target.text() or str(self._context.workspace.models)
        self._ask_for_folder(target, f"Choose the folder of the {what}", start)

    @Slot()
    def _choose_place(self) -> None:
        target = self._tab.form.out
        self._ask_for_folder(target, "Choose the folder for the finished files", target.text() or str(Path.home()))

    def _ask_for_folder(self, target: QLineEdit, title: str, start: str) -> None:
        dialog = QFileDialog(self._tab, title, start)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(target.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _choose_gguf(self, target: QLineEdit, what: str) -> None:
        start = str(Path(target.text()).parent) if target.text() else str(self._context.workspace.runs)
        self._choose_file(target, f"Choose the {what}", start, "GGUF files (*.gguf)")

    @Slot()
    def _choose_prompts(self) -> None:
        start = str(self._context.workspace.datasets)
        self._choose_file(self._tab.form.parity.data, "Choose held-out prompts", start, "Datasets (*.jsonl)")

    def _choose_file(self, target: QLineEdit, title: str, start: str, kinds: str) -> None:
        dialog = QFileDialog(self._tab, title, start, kinds)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(target.setText)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _on_start_requested(self) -> None:
        if not self._tab.is_form_shown:
            return
        try:
            recipe = recipe_of(self._tab.form.wish)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        kind = "export" if isinstance(recipe, ExportRecipe) else "verify"
        self.board.start(partial(self._context.jobs.start, kind, recipe))

    @Slot()
    def _on_new_requested(self) -> None:
        self.board.show_nothing()
        self._tab.show_form()

    @Slot(object)
    def _on_shown_changed(self, folder: RunFolder) -> None:
        self._tab.show_run_page()
        try:
            kind = VerifyRecipe if folder.kind == "verify" else ExportRecipe
            self._tab.run.show_recipe(folder.recipe(kind))
        except ArnyError as error:
            self._context.messages.show_error(error)
        self._read_records(folder)

    def _read_records(self, folder: RunFolder) -> None:
        self._background.run("records", partial(read_records, folder), self._on_records)

    def _on_records(self, records: Records) -> None:
        if self.board.shown is not None and records.folder == self.board.shown.path:
            self._tab.run.show_records(records.parity, records.lineage)

    @Slot(object)
    def _on_job_ended(self, job: ActiveJob) -> None:
        if job.folder == self.board.shown:
            self._read_records(job.folder)

    @Slot(object)
    def _on_any_job_ended(self, job: ActiveJob) -> None:
        """A bundle is ready: say where."""
        if job.kind == "bundle" and job.outcome is not None and job.outcome.kind == "finished":
            self._tab.run.say_bundled(job.outcome.sentence)

    @Slot(str, object)
    def _on_bundle_requested(self, target: str, file: Artifact) -> None:
        """Ask where to, then fill that folder."""
        dialog = QFileDialog(self._tab, "Choose the folder that is to be filled", str(Path.home()))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(partial(self.make_bundle, target, file))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def make_bundle(self, target: str, file: Artifact, out: str) -> None:
        """Hand a file over; the phone bundle takes the newest file of the other tier along."""
        if self.board.shown is None:
            return
        path = self.board.shown.path / file.path
        other = partner_of(self._context.workspace, path, self._tier())
        pair = (path, other) if self._tier() == 1 else (other, path)
        if target != "phone":
            pair = (path, None) if self._tier() == 1 else (None, path)
        recipe = BundleRecipe(
            title=f"{target} bundle of {path.name}", target=target,  # pyright: ignore[reportArgumentType] - from the menu of targets
            tier1=str(pair[0] or ""), tier2=str(pair[1] or ""), out=out
        )  # fmt: skip
        try:
            self._context.jobs.start("bundle", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)

    @Slot(object)
    def _on_job_started(self, job: ActiveJob) -> None:
        """An export that an earlier window left behind comes to the front."""
        if self.board.shown is None and self._wanted is None:
            self.board.show_run(job.folder)

    @Slot()
    def _on_stop_requested(self) -> None:
        self.board.stop("save")  # in good order: its half-written files are taken away by the worker itself

    @Slot()
    def _on_again_requested(self) -> None:
        self.board.resume()

    @Slot()
    def _on_reveal_requested(self) -> None:
        """Show the exported files, or the run folder while there are none."""
        if self.board.shown is None:
            return
        outputs = self.board.shown.path / "outputs"
        has_files = outputs.is_dir() and any(outputs.iterdir())
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(outputs if has_files else self.board.shown.path)))

    @Slot(object)
    def _on_chat_requested(self, file: Artifact) -> None:
        if self.board.shown is not None:
            self._context.go("chat", ChatWith(path=self.board.shown.path / file.path, tier=self._tier()))

    @Slot(object)
    def _on_evaluate_requested(self, file: Artifact) -> None:
        if self.board.shown is not None:
            self._context.go("evaluate", EvaluateModel(path=self.board.shown.path / file.path))

    def _tier(self) -> int:
        """Which tier the shown export is for; the router's where its recipe does not say."""
        assert self.board.shown is not None
        try:
            return 2 if self.board.shown.recipe(ExportRecipe).tier == "tier2" else 1
        except ArnyError:
            return 1
