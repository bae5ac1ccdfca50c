"""Asks a worker what a training would do: only for the newest recipe, once the typing rests, one worker at a time."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from arny_studio.errors import ArnyError
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.supervisor import Grace, Job, start_job
from arny_studio.recipe import PreflightRecipe, TrainRecipe
from arny_studio.recipe.preflight import report_from

REST_MS = 700
_AT_ONCE = Grace(message_s=0.2, terminate_s=0.5)  # nothing is lost with a look that nobody waits for
_Key = tuple[TrainRecipe, tuple[tuple[int, int], ...]]


class PreflightAsker(QObject):
    """Says `asked`, then `answered` or `failed`, for the recipe that was asked about last."""

    asked = Signal()
    answered = Signal(object, object)  # TrainRecipe, PreflightReport
    failed = Signal(str)

    def __init__(self, runs: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._runs = runs
        self._wanted: TrainRecipe | None = None
        self._known: _Key | None = None  # what the last answer, or the look that goes on, is about
        self._task: asyncio.Task[None] | None = None
        self._job: Job | None = None
        self._is_given_up = False  # the look that goes on
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._on_rest)

    def ask(self, recipe: TrainRecipe) -> None:
        """Look at a recipe soon; nothing happens where the answer is known and its files are as they were."""
        self._wanted = recipe
        if _key(recipe) == self._known:
            self._rest.stop()
        else:
            self._rest.start()

    def forget(self) -> None:
        """Nobody wants to know any more."""
        self._wanted = self._known = None
        self._rest.stop()
        self._give_up()

    def close(self) -> None:
        """The window goes: the worker ends by itself once its input ends."""
        self._rest.stop()
        if self._task is not None:
            self._task.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether a worker is looking, or will soon."""
        return self._rest.isActive() or self._task is not None

    @Slot()
    def _on_rest(self) -> None:
        self._give_up()
        if self._task is None and self._wanted is not None:
            self._task = asyncio.get_event_loop().create_task(self._look_until_quiet())

    def _give_up(self) -> None:
        """End the look at an older recipe; the one that is wanted now follows it."""
        self._is_given_up = True
        if self._job is not None and self._job.is_running:
            asyncio.get_event_loop().create_task(self._job.stop("now", grace=_AT_ONCE))

    async def _look_until_quiet(self) -> None:
        try:
            while self._wanted is not None and _key(self._wanted) != self._known:
                self._known, self._is_given_up = _key(self._wanted), False
                await self._look(self._wanted)
                if self._is_given_up:
                    self._known = None
        finally:
            self._task = None

    async def _look(self, recipe: TrainRecipe) -> None:
        self.asked.emit()
        with tempfile.TemporaryDirectory(prefix="arny-preflight-", ignore_cleanup_errors=True) as scratch:
            order = PreflightRecipe(train=recipe, run_folder=str(self._runs), title="Preflight")
            try:
                self._job = await start_job("preflight", RunFolder.create(Path(scratch, "look"), order))
                outcome = await self._job.wait()
            except (ArnyError, OSError) as error:
                self._tell_failure(recipe, str(error))
                return
            except asyncio.CancelledError:
                await self._leave()
                raise
            found = self._job.state.results.get("preflight")
        if self._is_given_up:
            return
        if found is None:
            self._tell_failure(recipe, outcome.sentence)
        elif recipe == self._wanted:
            self._tell_report(recipe, found)

    async def _leave(self) -> None:
        if self._job is not None and self._job.is_running:
            await self._job.leave()

    def _tell_report(self, recipe: TrainRecipe, found: dict[str, object]) -> None:
        try:
            self.answered.emit(recipe, report_from(found))
        except msgspec.ValidationError as error:
            self._tell_failure(recipe, f"The report cannot be read: {error}.")

    def _tell_failure(self, recipe: TrainRecipe, sentence: str) -> None:
        if recipe == self._wanted:
            self.failed.emit(sentence)


def _key(recipe: TrainRecipe) -> _Key:
    """The recipe, and how its files stood: a dataset that was edited is looked at anew."""
    return recipe, tuple(_stamp(Path(name)) for name in (recipe.train_data, recipe.validation_data) if name)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
