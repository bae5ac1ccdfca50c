"""What can be exported: finished trainings of the workspace, or an adapter and a base folder."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from arny_studio.errors import ArnyError, BadRecipe, MissingFile
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import ExportRecipe, Quant, TrainRecipe
from arny_studio.ui.wording import moment_in_words

ADAPTER = "outputs/adapter"


class FinishedRun(Struct, frozen=True, kw_only=True):
    """A training with an adapter. `label` is what a picker shows."""

    folder: RunFolder
    recipe: TrainRecipe
    label: str


class Wish(Struct, frozen=True, kw_only=True):
    """What the form asks for; folders as typed."""

    run: FinishedRun | None
    base: str = ""
    adapter: str = ""
    quants: tuple[Quant, ...] = ()
    name: str = ""
    merged_folder: bool = False


def finished_runs(workspace: Workspace) -> list[FinishedRun]:
    """The trainings that left an adapter, newest first; unreadable ones are passed over."""
    found: list[FinishedRun] = []
    for folder in workspace.runs_by_time():
        if folder.kind == "train" and folder.is_complete and (folder.path / ADAPTER).is_dir():
            try:
                recipe = folder.recipe(TrainRecipe)
                made = moment_in_words(folder.manifest().completed_s)
            except ArnyError:
                continue
            found.append(FinishedRun(folder=folder, recipe=recipe, label=f"{folder.title}  ·  {made}"))
    return found


def recipe_of(wish: Wish) -> ExportRecipe:
    """The recipe that a wish stands for. Raises BadRecipe or MissingFile with what is wrong with it."""
    if not wish.quants:
        raise BadRecipe("Tick at least one format.")
    if wish.name and (Path(wish.name).name != wish.name or wish.name.startswith(".")):
        raise BadRecipe("Give the files a name without folders.")
    if wish.run is not None:
        recipe = wish.run.recipe
        return ExportRecipe(
            title=f"Export of {wish.run.folder.title}", base=recipe.base, adapter=str(wish.run.folder.path / ADAPTER),
            quants=wish.quants, name=wish.name, tier=recipe.tier, contract=recipe.contract,
            merged_folder=wish.merged_folder,
        )  # fmt: skip
    return _from_folders(wish)


def _from_folders(wish: Wish) -> ExportRecipe:
    if not wish.base:
        raise BadRecipe("Choose a finished run, or the folder of a base model.")
    for named, what, needed in (
        (wish.base, "base model", "config.json"),
        (wish.adapter, "adapter", "adapter_config.json"),
    ):
        if named and not (Path(named) / needed).is_file():
            raise MissingFile(f"{named} is no {what}: it has no {needed}.")
    title = f"Export of {Path(wish.adapter or wish.base).name}"
    return ExportRecipe(
        title=title, base=wish.base, adapter=wish.adapter, quants=wish.quants, name=wish.name,
        merged_folder=wish.merged_folder,
    )  # fmt: skip
