"""Worker: fine-tune an adapter. `python -m arny_studio.workers.train FOLDER`; the same command on the folder resumes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from arny_studio.dataset.run_snapshots import snapshot_for_run
from arny_studio.jobs.events import Finished, Hello, Result, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.gpu_claim import claim_gpus
from arny_studio.jobs.manifest import LIBRARIES, FileRecord, installed_versions, record_of
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import TrainRecipe
from arny_studio.workers.training_listeners import Expectation, TensorBoard


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Train as the folder's recipe says. A run that is complete already stays as it is."""
    recipe = folder.recipe(TrainRecipe)
    if folder.is_complete:
        return Finished(summary="This run was complete already; nothing was trained.")
    from arny_studio.engine.adapter_folder import ADAPTER
    from arny_studio.engine.base_model import look_for_downloads_in
    from arny_studio.engine.finetune import finetune
    from arny_studio.engine.system_sampling import sampling_system

    look_for_downloads_in(folder.path.parents[1] / "models")
    claim_a_gpu(recipe, folder.name)
    datasets = dataset_records(recipe)
    used = {side: snapshot_for_run(Path(record.path), folder.name) for side, record in datasets.items()}
    board = TensorBoard(folder.path / "tensorboard")
    expected = Expectation(recipe, board.and_then(emit))

    def tell_start(device: str, resumed_from: int | None) -> None:
        versions = installed_versions(LIBRARIES)
        expected.device = device
        board.open(resumed_from)
        emit(Hello(kind="train", pid=os.getpid(), versions=versions, device=device, resumed_from=resumed_from))
        emit(Result(name="data", values=msgspec.to_builtins(used)))

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
            inputs=[*datasets.values(), *_base_files(recipe)],
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


def dataset_records(recipe: TrainRecipe) -> dict[str, FileRecord]:
    """The datasets, by the side of the split, as they are when the run reads them; they may change before it ends.

    One that is missing is left out: reading it says so in a sentence.
    """
    named = {"train": recipe.train_data, "validation": recipe.validation_data}
    return {side: record_of(Path(name)) for side, name in named.items() if name and Path(name).is_file()}


def _base_files(recipe: TrainRecipe) -> list[Path]:
    """What of the base decides the result."""
    from arny_studio.engine.base_model import resolve_base

    base = resolve_base(recipe.base)
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    return [*(base / name for name in names if (base / name).is_file()), *sorted(base.glob("*.safetensors"))]


if __name__ == "__main__":
    run_program("train", main, detached=True)
