"""Decides what is evaluated, and which past evaluations are shown and compared."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from arny_studio.contract import load_contract
from arny_studio.errors import ArnyError
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.state import RunState
from arny_studio.recipe import EvaluateRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.evaluate.records import Choice, Evaluation, data_choices, evaluations, model_choices, wrong_rows
from arny_studio.ui.evaluate.tab import EvaluateTab
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import EvaluateModel, Handover, TabContext
from arny_studio.ui.wording import seconds_in_words


class EvaluateController(QObject):
    """Between the Evaluate tab, the runs on disk and the jobs."""

    def __init__(self, tab: EvaluateTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._contract = load_contract("router-v1")
        self._background = Background(context.messages.show_error)
        self._known: list[Evaluation] = []
        self._shown: Evaluation | None = None
        self._baseline: Evaluation | None = None
        self.job: ActiveJob | None = None
        context.actions.add(
            "evaluate.start", "&Evaluate model", self._on_evaluate_requested,
            menu="Run", tab="evaluate", shortcut="Ctrl+Return", icon="play",
        )  # fmt: skip
        tab.setup.evaluate_requested.connect(self._on_evaluate_requested)
        tab.setup.stop_requested.connect(self._on_stop_requested)
        tab.evaluation_selected.connect(self._on_evaluation_selected)
        tab.baseline_selected.connect(self._on_baseline_selected)
        self.refresh()

    def receive(self, handover: Handover) -> None:
        """Choose the model that another tab hands over."""
        if isinstance(handover, EvaluateModel):
            self._tab.setup.model.choose(handover.path)

    def refresh(self) -> None:
        """Look again at the workspace's models, datasets and evaluations."""
        workspace = self._context.workspace
        recent = self._context.settings.values.recent_datasets

        def look() -> tuple[list[Choice], list[Choice], list[Evaluation]]:
            known = evaluations(workspace)
            return model_choices(workspace), data_choices(workspace, recent, known[0].data if known else ""), known

        self._background.run("refresh", look, self._on_refreshed)

    def _on_refreshed(self, seen: tuple[list[Choice], list[Choice], list[Evaluation]]) -> None:
        models, datasets, self._known = seen
        self._tab.setup.model.show_choices(models)
        self._tab.setup.data.show_choices(datasets)
        shown = self._find(self._shown.folder if self._shown else None)
        self._tab.show_evaluations(self._known, shown or (self._known[0] if self._known else None))

    def _find(self, folder: Path | None) -> Evaluation | None:
        return next((known for known in self._known if known.folder == folder), None)

    @Slot()
    def _on_evaluate_requested(self) -> None:
        setup = self._tab.setup
        if setup.model.path is None or setup.data.path is None or (self.job is not None and self.job.is_running):
            return
        recipe = EvaluateRecipe(
            model=str(setup.model.path), data=str(setup.data.path), limit=setup.limit.value(),
            constrained=setup.is_constrained.isChecked(), title=f"Evaluate {setup.model.path.name}",
        )  # fmt: skip
        try:
            self.job = job = self._context.jobs.start("evaluate", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        setup.show_progress("Starting…", None)
        job.changed.connect(self._on_job_changed)
        job.ended.connect(partial(self._on_job_ended, job))

    @Slot()
    def _on_stop_requested(self) -> None:
        if self.job is not None:
            self._tab.setup.show_stopping()
            self.job.stop("save")

    @Slot(object)
    def _on_job_changed(self, state: RunState) -> None:
        if self.job is None or not self.job.is_running or self.job.is_stopping:
            return
        stage = state.stage.title if state.stage is not None else "Starting"
        progress = state.progress
        done = f": {progress.done:,} of {progress.total:,}" if progress is not None and progress.total else "…"
        left = f"  ·  {seconds_in_words(state.remaining_s)} left" if state.remaining_s is not None else ""
        self._tab.setup.show_progress(f"{stage}{done}{left}", state.fraction)

    def _on_job_ended(self, job: ActiveJob, _outcome: Outcome) -> None:
        """Whatever the outcome: show the new scores where there are any."""
        self._tab.setup.show_idle()
        if (job.folder.path / "outputs" / "scores.json").is_file():
            previous = self._shown
            self._background.run(
                "refresh", partial(evaluations, self._context.workspace),
                partial(self._on_scored, job.folder.path, previous),
            )  # fmt: skip

    def _on_scored(self, folder: Path, previous: Evaluation | None, known: list[Evaluation]) -> None:
        """Show the new one, against the one that was shown before where both saw the same rows."""
        self._known = known
        new = self._find(folder)
        is_same_data = previous is not None and new is not None and previous.data == new.data
        self._baseline = previous if is_same_data else None
        self._tab.show_evaluations(known, new)

    @Slot(object)
    def _on_evaluation_selected(self, evaluation: Evaluation) -> None:
        self._shown = evaluation
        self._baseline = self._find(self._baseline.folder if self._baseline else None)
        if self._baseline is None or self._baseline.folder == evaluation.folder:
            self._baseline = None
        self._show()
        read = partial(wrong_rows, evaluation.folder, self._contract)
        self._background.run("wrong", read, self._tab.show_wrong_rows)

    @Slot(object)
    def _on_baseline_selected(self, evaluation: Evaluation | None) -> None:
        self._baseline = evaluation
        self._show()

    def _show(self) -> None:
        shown = self._shown
        if shown is None:
            return
        others = [known for known in self._known if known.folder != shown.folder]
        others.sort(key=lambda known: known.data != shown.data)  # those on the same rows first
        self._tab.show_evaluation(shown, self._baseline, others)
