"""`python -m arny_studio.workers.data FOLDER`: one pass over a whole dataset, off the window's event loop."""

from __future__ import annotations

from importlib import import_module

from arny_studio.jobs.events import Finished, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import DataRecipe
from arny_studio.workers.data_passes.passing import Pass, StopRequested

# One file of `data_passes` per pass, imported when it is needed.
_PASSES = {
    "generate": "generate", "scan": "scan", "check": "scan", "find": "find", "bulk": "bulk", "split": "split",
    "preview": "importing", "import": "importing",
}  # fmt: skip


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Run the pass that the recipe names."""
    recipe = folder.recipe(DataRecipe)
    module = import_module(f"arny_studio.workers.data_passes.{_PASSES[recipe.task]}")
    try:
        return module.run(Pass(recipe, folder, emit, inbox))
    except StopRequested:
        return Stopped(summary="Stopped; no file was changed.")


if __name__ == "__main__":
    run_program("data", main)
