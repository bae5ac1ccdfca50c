"""Worker: fine-tune an adapter. `python -m arny_studio.workers.train FOLDER`; the same command on the folder resumes."""

from __future__ import annotations

import os
from pathlib import Path

from arny_studio.jobs.events import Finished, Hello, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.manifest import LIBRARIES, installed_versions
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import TrainRecipe


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Train as the folder's recipe says. A run that is complete already stays as it is."""
    recipe = folder.recipe(TrainRecipe)
    if folder.is_complete:
        return Finished(summary="This run was complete already; nothing was trained.")
    from arny_studio.engine.finetune import ADAPTER, finetune

    def tell_start(device: str, resumed_from: int | None) -> None:
        versions = installed_versions(LIBRARIES)
        emit(Hello(kind="train", pid=os.getpid(), versions=versions, device=device, resumed_from=resumed_from))

    last = finetune(
        recipe,
        checkpoint_folder=folder.checkpoints,
        outputs=folder.outputs,
        emit=emit,
        asked_to_stop=lambda: inbox.stop_mode if inbox.stop_requested else None,
        on_start=tell_start,
    )
    if isinstance(last, Finished):
        folder.write_manifest(
            kind="train",
            inputs=_inputs(recipe),
            outputs=[folder.outputs / ADAPTER],
            seed=recipe.seed,
            contract=recipe.contract,
        )
    return last


def _inputs(recipe: TrainRecipe) -> list[Path]:
    """The datasets, and what of the base decides the result."""
    from arny_studio.engine.base_model import resolve_base

    base = resolve_base(recipe.base)
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    data = [Path(name) for name in (recipe.train_data, recipe.validation_data) if name]
    return [*data, *(base / name for name in names if (base / name).is_file()), *sorted(base.glob("*.safetensors"))]


if __name__ == "__main__":
    run_program("train", main, detached=True)
