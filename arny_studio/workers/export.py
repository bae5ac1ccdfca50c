"""`python -m arny_studio.workers.export FOLDER`: base + adapter → GGUF files, as the folder's recipe says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from arny_studio.atomic import make_folder, replaced_file
from arny_studio.errors import ArnyError, BadInput, DiskFull
from arny_studio.evaluation.parity import RED_MARK
from arny_studio.jobs.events import Finished, Log, Result, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.manifest import installed_versions
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import ExportRecipe


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Export as the folder's recipe says. A run that is complete already stays as it is; its files are delivered again."""
    recipe = folder.recipe(ExportRecipe)
    if recipe.out:
        make_folder(Path(recipe.out))  # hours of work should not end at a folder that cannot be made
    if folder.is_complete:
        deliver(folder, recipe.out, emit)
        return Finished(
            summary="This export was complete already; nothing was made anew.",
            found_problems=any(folder.outputs.glob(f"*{RED_MARK}.gguf")),
        )
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
    deliver(folder, recipe.out, emit)
    names = [file.name for file in made.files if file.suffix == ".gguf"]
    said = ", ".join(f"{name} ({made.verdicts[name]})" if name in made.verdicts else name for name in names)
    return Finished(summary=f"{said}.", found_problems="red" in made.verdicts.values())


def beside(folder: RunFolder, named: str) -> str:
    """A path in a recipe is absolute or relative to the recipe's folder; a Hub id stays one."""
    path = Path(named).expanduser()
    inside = folder.path / path
    return str(path if path.is_absolute() or not inside.exists() else inside)


def deliver(folder: RunFolder, out: str, emit: Emit) -> None:
    """Put what the run made into `out` as well, and say where it lies; nothing where `out` is empty.

    Raises DiskFull or BadInput, saying that the files are there all the same.
    """
    if not out:
        return
    emit(Log(text=f"Putting the files into {out}"))
    try:
        files = [delivered(made, Path(out)) for made in sorted(folder.outputs.iterdir())]
    except (ArnyError, OSError) as error:
        sentence = str(error) if isinstance(error, ArnyError) else f"{out} cannot be filled: {error.strerror}."
        kind = DiskFull if isinstance(error, DiskFull) else BadInput
        raise kind(sentence, hint=f"The exported files are whole in {folder.outputs}.") from error
    emit(Result(name="delivered", values={"folder": out, "files": [str(file) for file in files]}))


def delivered(made: Path, out: Path) -> Path:
    """A file or folder under `out`: linked where that is the same disk, else copied; the run folder keeps its own."""
    final = out / made.name
    if made.is_dir():
        make_folder(final)
        for part in sorted(made.iterdir()):
            delivered(part, final)
    elif not (final.exists() and final.samefile(made)) and not _linked(made, final):
        with made.open("rb") as source, replaced_file(final) as target:
            shutil.copyfileobj(source, target, 1 << 20)
    return final


def _linked(made: Path, final: Path) -> bool:
    """Whether the file could be linked; not to another disk, nor where there are no links."""
    link = final.with_name(f".{final.name}.{os.getpid()}.partial")
    try:
        os.link(made, link)
        link.replace(final)
    except OSError:
        return False
    finally:
        link.unlink(missing_ok=True)
    return True


if __name__ == "__main__":
    run_program("export", main, detached=True)
