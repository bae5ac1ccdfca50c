"""Who listens to a training inside its worker, beside the log: TensorBoard's file, and the machine's own memory of
what trainings were expected to take and took."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arny_studio.jobs.estimates import PastEstimate, corrected_bytes, corrected_seconds, past_estimates, remember
from arny_studio.jobs.events import Event, Log, Memory, Result
from arny_studio.jobs.processes import peak_resident_bytes
from arny_studio.jobs.program import Emit
from arny_studio.recipe import TrainRecipe

if TYPE_CHECKING:
    from arny_studio.engine.tensorboard_log import TensorBoardLog


class TensorBoard:
    """The run's TensorBoard file, once training begins; what comes before has no figures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log: TensorBoardLog | None = None

    def open(self, resumed_from: int | None) -> None:
        """Training begins, or goes on from a step."""
        from arny_studio.engine.tensorboard_log import TensorBoardLog

        self._log = TensorBoardLog(self._folder, time_s=time.time(), step=resumed_from or 0)

    def and_then(self, emit: Emit) -> Emit:
        """An `emit` that also writes the file."""

        def hear(event: Event) -> None:
            if self._log is not None:
                self._log.hear(event)
            emit(event)

        return hear


class Expectation:
    """What the run was expected to take, held against what it took; the machine's next estimate learns from it."""

    def __init__(self, recipe: TrainRecipe, emit: Emit) -> None:
        self._recipe = recipe
        self._emit = emit
        self._said: dict[str, dict[str, Any]] = {}
        self._gpu_bytes = 0
        self.device = "cpu"

    def hear(self, event: Event) -> None:
        """Pass an event on, and keep what the comparison needs."""
        match event:
            case Result(name="plan" | "training"):
                self._said[event.name] = event.values
            case Memory(gpu_bytes=int(held)):
                self._gpu_bytes = max(self._gpu_bytes, held)
        self._emit(event)

    def settle(self) -> None:
        """The run is over: say how the estimates did, and remember it unless the run was cut short by its minutes."""
        plan, training = self._said.get("plan"), self._said.get("training")
        if plan is None or training is None:
            return
        past = past_estimates(self.device_name, self._recipe.engine)
        peak = self._gpu_bytes if self.device == "cuda" else peak_resident_bytes()
        ended = PastEstimate(
            device=self.device_name,
            engine=self._recipe.engine,
            raw_s=plan["raw_s"],
            shown_s=corrected_seconds(plan["raw_s"], past).value,
            took_s=training["trained_s"],
            raw_bytes=plan["raw_bytes"],
            shown_bytes=corrected_bytes(plan["raw_bytes"], past).value,
            peak_bytes=peak,
        )
        figures = {"predicted_s": ended.shown_s, "took_s": ended.took_s}
        self._emit(Result(name="estimate", values=figures | {"predicted_bytes": ended.shown_bytes, "peak_bytes": peak}))
        if training["steps"] == plan["steps"]:
            self._remember(ended)

    def _remember(self, ended: PastEstimate) -> None:
        try:
            remember(ended)
        except OSError as error:  # a settings folder that cannot be written costs the next estimate, not this run
            self._emit(Log(text=f"The next estimate cannot learn from this run: {error.strerror}.", level="warning"))

    @property
    def device_name(self) -> str:
        """`cpu`, or what the driver calls the GPU: a T4's past says nothing of an H100."""
        from arny_studio.engine.gpus import gpu_facts

        facts = gpu_facts() if self.device == "cuda" else []
        return facts[0].name if facts else "cpu"
