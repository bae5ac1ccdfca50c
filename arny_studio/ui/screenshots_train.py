"""Pictures of the Train tab's pages: a new run, one that goes on, a failed one, several compared, and the models.

The runs are real ones, in a workspace of their own that begins with the finished trainings of another one.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import DataRecipe, TrainRecipe
from arny_studio.recipe.presets import preset
from arny_studio.ui.app import Studio
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.train.controller import TrainController
from arny_studio.ui.train.run_page import CURVES, LOG
from arny_studio.ui.train.tab import TrainTab

Until = Callable[[Callable[[], bool], str], Awaitable[None]]
_ROWS, _SEED, _LIVE_STEPS, _LIVE_MINUTES = 1_200, 7, 12, 4.0


class Scene(Struct, frozen=True, kw_only=True):
    """A page to be pictured: the ending of its name, and what brings it to the front and fills it."""

    name: str
    show: Callable[[], Awaitable[None]]


def prepare_workspace(source: Workspace, root: Path) -> Workspace:
    """A workspace with copies of the complete trainings of another one."""
    made = Workspace(root)
    for run in source.runs_by_time():
        if run.kind == "train" and run.is_complete:
            shutil.copytree(run.path, made.runs / run.name)
    return made


class TrainScenes:
    """The scenes over one window, with the runs that they need."""

    def __init__(self, studio: Studio, until: Until) -> None:
        self._studio, self._until = studio, until
        tab = studio.window.tab("train")
        assert isinstance(tab.widget, TrainTab) and isinstance(tab.controller, TrainController)
        self._tab, self._controller = tab.widget, tab.controller
        self._data = {name: studio.workspace.datasets / f"tier1.{name}.jsonl" for name in ("train", "validation")}
        self._live: ActiveJob | None = None
        self._failed: RunFolder | None = None

    @property
    def all(self) -> tuple[Scene, ...]:
        """Every scene, in the order in which they are taken."""
        shows = (
            ("live", self._show_live), ("failed", self._show_failed), ("form", self._show_form),
            ("compare", self._show_comparison), ("models", self._show_models),
        )  # fmt: skip
        return tuple(Scene(name=name, show=show) for name, show in shows)

    async def prepare(self) -> None:
        """Write data, let one run fail, and begin the one that goes on while the pictures are taken."""
        for number, path in enumerate(self._data.values()):
            rows = _ROWS if number == 0 else _ROWS // 10
            await self._ended(DataRecipe(task="generate", path=str(path), rows=rows, seed=_SEED + number), "data")
        gone = str(self._studio.workspace.datasets / "moved-away.jsonl")
        self._failed = (await self._ended(preset("demo-tier1", train_data=gone, title="Lost its data"), "train")).folder
        self._live = live = self._studio.jobs.start("train", self._recipe())
        await self._until(lambda: live.state.step >= _LIVE_STEPS or not live.is_running, "no training began")

    async def end(self) -> None:
        """The run that was only there to be looked at."""
        if self._live is not None and self._live.is_running:
            self._live.stop("now")
            await self._until(lambda: self._live is None or not self._live.is_running, "the training did not stop")

    def _recipe(self) -> TrainRecipe:
        return preset(
            "demo-tier1", train_data=str(self._data["train"]), validation_data=str(self._data["validation"]),
            title="Router, overnight", max_minutes=_LIVE_MINUTES, validation_rows=20, eval_steps=5, answer_steps=5,
            answer_rows=4, answer_tokens=64,
        )  # fmt: skip

    async def _ended(self, recipe: DataRecipe | TrainRecipe, kind: str) -> ActiveJob:
        job = self._studio.jobs.start(kind, recipe)
        await self._until(lambda: not job.is_running, f"{kind} did not end")
        return job

    async def _show_live(self) -> None:
        assert self._live is not None
        self._controller.board.show_run(self._live.folder)
        self._tab.run.show_part(CURVES)
        await self._until(lambda: self._tab.run.curves.points_shown > 0, "no curve was painted")

    async def _show_failed(self) -> None:
        assert self._failed is not None
        self._controller.board.show_run(self._failed)
        self._tab.run.show_part(LOG)
        await self._until(lambda: self._tab.run.notice.isVisible(), "the failed run was not shown")

    async def _show_form(self) -> None:
        self._tab.runs.new_requested.emit()
        self._controller.form.show_recipe(self._recipe())
        await self._until(lambda: bool(self._tab.new.preflight.findings), "nothing was found before the start")

    async def _show_comparison(self) -> None:
        self._controller.show_comparison(self._finished())
        await self._until(lambda: self._tab.compare.plot.has_points, "no runs were compared")

    async def _show_models(self) -> None:
        self._tab.models_requested.emit()
        await self._until(lambda: bool(self._tab.models.model.items), "no models were listed")
        self._tab.models.table.select_line(0)

    def _finished(self) -> list[RunFolder]:
        runs = self._studio.workspace.runs_by_time()
        return [run for run in runs if run.kind == "train" and run.events_path.is_file() and run != self._failed][:3]
