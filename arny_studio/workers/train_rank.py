"""The second and further processes of a training: `python -m arny_studio.workers.train_rank FOLDER`.

Started by workers/train with rank and world size in the environment, ended with its session. Says nothing but on
stderr, writes nothing, and is told by the first process when to stop.
"""

from __future__ import annotations

import sys
from pathlib import Path

from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import TrainRecipe


def main(folder: RunFolder) -> int:
    """Train along until the first process ends the training."""
    from arny_studio.engine.finetune import finetune

    finetune(
        folder.recipe(TrainRecipe),
        checkpoint_folder=folder.checkpoints,
        outputs=folder.outputs,
        emit=lambda _: None,
        asked_to_stop=lambda: None,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(RunFolder(Path(sys.argv[1]))))
