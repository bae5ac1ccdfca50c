"""`python train_until.py POINT COUNT FOLDER`: the training worker, killed (SIGKILL) when it comes to a named point.

The COUNT-th time it comes there counts. Nothing in the product knows of these points: they are put around its calls.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

# Where each point is: module, owner in it, function; and whether the kill comes before or after the call.
POINTS = {
    "reading the data": ("arny_studio.engine.training_data", "", "tokenized_rows", "after"),
    "before the libraries": ("arny_studio.engine.finetune", "", "place", "before"),
    "in a step": ("arny_studio.engine.arny_trainer", "ArnyTrainer", "training_step", "after"),
    "in a checkpoint": ("transformers", "Trainer", "_save_optimizer_and_scheduler", "before"),
    "before a seal": ("arny_studio.engine.checkpoints", "", "seal", "before"),
    "while pruning": ("shutil", "", "rmtree", "before"),
    "in an evaluation": ("arny_studio.engine.arny_trainer", "ArnyTrainer", "_summed_loss", "after"),
    "keeping the best": ("arny_studio.engine.arny_trainer", "ArnyTrainer", "save_adapter", "after"),
    "saving the adapter": ("arny_studio.engine.adapter_folder", "", "copy_tokenizer_files", "before"),
    "before the manifest": ("arny_studio.jobs.folder", "RunFolder", "write_manifest", "before"),
}


def main() -> None:
    """Arm the point once its module is there, then be the worker."""
    point, count = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:3]
    module, owner, name, when = POINTS[point]
    from arny_studio.jobs.program import run_program
    from arny_studio.workers import train

    def armed(*arguments: Any) -> Any:
        import arny_studio.engine.finetune as finetune

        entered = finetune._enter

        def enter(stage: str, emit: Any) -> None:
            entered(stage, emit)
            if stage == ("read" if point in ("reading the data", "before the libraries") else "train"):
                _arm(module, owner, name, when, count)

        finetune._enter = enter
        return train.main(*arguments)

    run_program("train", armed, detached=True)


def _arm(module: str, owner: str, name: str, when: str, count: int) -> None:
    holder: Any = importlib.import_module(module)
    holder = getattr(holder, owner) if owner else holder
    real: Callable[..., Any] = getattr(holder, name)
    left = [count]

    def deadly(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, name, deadly)


if __name__ == "__main__":
    main()
