"""`python -m arny_studio.workers.export FOLDER`: base + adapter → GGUF files, as the folder's recipe says."""

from __future__ import annotations

from pathlib import Path

from arny_studio.jobs.events import Finished, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.manifest import installed_versions
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import ExportRecipe


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Export as the folder's recipe says. A run that is complete already stays as it is."""
    recipe = folder.recipe(ExportRecipe)
    if folder.is_complete:
        return Finished(summary="This export was complete already; nothing was written.")
    from arny_studio.engine.base_model import look_for_downloads_in, resolve_base
    from arny_studio.engine.export import Export, StopRequested
    from arny_studio.workers.replay import replay_in_child

    look_for_downloads_in(folder.path.parents[1] / "models")
    named = beside(folder, recipe.base)
    base = Path(named) if named.endswith(".gguf") else resolve_base(named)
    export = Export(
        recipe,
        folder.outputs,
        base=base,
        adapter=Path(beside(folder, recipe.adapter)) if recipe.adapter else None,
        versions=installed_versions(),
        emit=emit,
        asked_to_stop=lambda: inbox.stop_requested,
        replays=lambda order, on_progress: replay_in_child(order, export.work, on_progress, export.give_up_if_asked),
    )
    try:
        made = export.run()
    except StopRequested:
        return Stopped(summary="Stopped; no file was written.")
    inputs = [*made.sources, *([base / "config.json"] if base.is_dir() else [])]
    folder.write_manifest(
        kind="export", inputs=inputs, outputs=made.files, seed=None, contract=recipe.contract, known=made.hashes
    )
    names = [file.name for file in made.files if file.suffix == ".gguf"]
    said = ", ".join(f"{name} ({made.verdicts[name]})" if name in made.verdicts else name for name in names)
    return Finished(summary=f"{said}.", found_problems="red" in made.verdicts.values())


def beside(folder: RunFolder, named: str) -> str:
    """A path in a recipe is absolute or relative to the recipe's folder; a Hub id stays one."""
    path = Path(named).expanduser()
    inside = folder.path / path
    return str(path if path.is_absolute() or not inside.exists() else inside)


if __name__ == "__main__":
    run_program("export", main, detached=True)
