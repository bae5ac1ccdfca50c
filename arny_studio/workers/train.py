"""Worker: fine-tune an adapter. `python -m arny_studio.workers.train FOLDER`; the same command on the folder resumes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arny_studio.jobs.estimates import PastEstimate, corrected_bytes, corrected_seconds, past_estimates, remember
from arny_studio.jobs.events import Event, Finished, Hello, Memory, Result, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.gpu_claim import claim_gpus
from arny_studio.jobs.manifest import LIBRARIES, FileRecord, installed_versions, record_of
from arny_studio.jobs.processes import peak_resident_bytes
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import TrainRecipe

if TYPE_CHECKING:
    from arny_studio.engine.tensorboard_log import TensorBoardLog


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Train as the folder's recipe says. A run that is complete already stays as it is."""
    recipe = folder.recipe(TrainRecipe)
    if folder.is_complete:
        return Finished(summary="This run was complete already; nothing was trained.")
    from arny_studio.engine.finetune import ADAPTER, finetune
    from arny_studio.engine.system_sampling import sampling_system

    claim_a_gpu(recipe, folder.name)
    datasets = dataset_records(recipe)
    board = TensorBoard(folder.path / "tensorboard")
    expected = Expectation(recipe, board.and_then(emit))

    def tell_start(device: str, resumed_from: int | None) -> None:
        versions = installed_versions(LIBRARIES)
        expected.device = device
        board.open(resumed_from)
        emit(Hello(kind="train", pid=os.getpid(), versions=versions, device=device, resumed_from=resumed_from))

    with sampling_system(expected.hear):
        last = finetune(
            recipe,
            checkpoint_folder=folder.checkpoints,
            outputs=folder.outputs,
            emit=expected.hear,
            asked_to_stop=lambda: inbox.stop_mode if inbox.stop_requested else None,
            on_start=tell_start,
            start_others=lambda: start_other_ranks(folder, recipe.processes),
        )
    if isinstance(last, Finished):
        expected.settle()
        folder.write_manifest(
            kind="train",
            inputs=[*datasets, *_base_files(recipe)],
            outputs=[folder.outputs / ADAPTER],
            seed=recipe.seed,
            contract=recipe.contract,
        )
    return last


def claim_a_gpu(recipe: TrainRecipe, run: str) -> None:
    """Take as many free GPUs as the recipe has processes, and let torch see no others. Nothing where there is none.

    Raises BadInput where other trainings hold them, unless the recipe shares.
    """
    from arny_studio.engine.gpus import gpu_facts

    facts = gpu_facts()
    if not facts or recipe.share_gpu:
        return
    taken = claim_gpus([gpu.uuid for gpu in facts], recipe.processes, run=run)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(gpu.index) for gpu in facts if gpu.uuid in taken)


def start_other_ranks(folder: RunFolder, world: int) -> None:
    """Make this process the first of `world`, and start the others; they die with its session."""
    from arny_studio.engine.ranks import free_port, rank_environment

    port = free_port()
    os.environ.update(rank_environment(0, world, port))
    for rank in range(1, world):
        subprocess.Popen(
            [sys.executable, "-m", "arny_studio.workers.train_rank", str(folder.path)],
            env=os.environ | rank_environment(rank, world, port),
            stdin=subprocess.DEVNULL,
        )


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
            remember(ended)

    @property
    def device_name(self) -> str:
        """`cpu`, or what the driver calls the GPU: a T4's past says nothing of an H100."""
        from arny_studio.engine.gpus import gpu_facts

        facts = gpu_facts() if self.device == "cuda" else []
        return facts[0].name if facts else "cpu"


def dataset_records(recipe: TrainRecipe) -> list[FileRecord]:
    """The datasets as they are when the run reads them; they may be edited or gone when it ends.

    One that is missing is left out: reading it says so in a sentence.
    """
    named = [Path(name) for name in (recipe.train_data, recipe.validation_data) if name]
    return [record_of(path) for path in named if path.is_file()]


def _base_files(recipe: TrainRecipe) -> list[Path]:
    """What of the base decides the result."""
    from arny_studio.engine.base_model import resolve_base

    base = resolve_base(recipe.base)
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    return [*(base / name for name in names if (base / name).is_file()), *sorted(base.glob("*.safetensors"))]


if __name__ == "__main__":
    run_program("train", main, detached=True)
