"""`python -m arny_studio.workers.bundle FOLDER`: make a folder that another program takes as it is."""

from __future__ import annotations

from pathlib import Path

from arny_studio.jobs.events import Artifact, Finished, Progress, Stage, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import BundleRecipe


class _Stop(Exception):
    """Somebody asked for an end."""


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Make the bundle that the folder's recipe asks for."""
    recipe = folder.recipe(BundleRecipe)
    from arny_studio.engine.bundle import make_bundle

    def on_progress(done: int, total: int) -> None:
        if inbox.stop_requested:
            raise _Stop
        emit(Progress(done=done, total=total, unit="bytes"))

    out = Path(recipe.out).expanduser() if recipe.out else folder.outputs
    emit(Stage(name="bundle", title=f"Fill the {recipe.target} bundle", index=1, total=1))
    try:
        made = make_bundle(recipe, out, on_progress)
    except _Stop:
        return Stopped(summary="Stopped; nothing was left behind.")
    for path in made:
        emit(Artifact(kind="bundle", path=str(path), size_bytes=path.stat().st_size))
    inputs = [Path(named) for named in (recipe.tier1, recipe.tier2) if named]
    folder.write_manifest(kind="bundle", inputs=inputs, outputs=made, seed=None, contract=recipe.contract)
    return Finished(summary=f"The {recipe.target} bundle is ready in {out}.")


if __name__ == "__main__":
    run_program("bundle", main)
