"""What can be exported: finished trainings of the workspace, folders, or an F16 GGUF; and what can be checked."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from arny_studio.errors import ArnyError, BadRecipe, MissingFile
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import ExportRecipe, ParitySettings, Quant, TrainRecipe, VerifyRecipe
from arny_studio.recipe.export import Tier
from arny_studio.ui.wording import moment_in_words

ADAPTER = "outputs/adapter"
_GGUF = ".gguf"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class FinishedRun(Struct, frozen=True, kw_only=True):
    """A training with an adapter. `label` is what a picker shows."""

    folder: RunFolder
    recipe: TrainRecipe
    label: str


class Wish(Struct, frozen=True, kw_only=True):
    """What the form asks for; folders and files as typed. `checked` and `reference` are set where a GGUF is checked."""

    run: FinishedRun | None
    base: str = ""
    adapter: str = ""
    quants: tuple[Quant, ...] = ()
    name: str = ""
    license: str = ""
    tier: Tier = ""  # of folders and of a checked file; a run says its own
    merged_folder: bool = False
    lora_gguf: bool = False
    out: str = ""
    checks: bool = False
    checked: str = ""
    reference: str = ""
    parity: ParitySettings = ParitySettings()


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


def recipe_of(wish: Wish) -> ExportRecipe | VerifyRecipe:
    """The recipe that a wish stands for. Raises BadRecipe or MissingFile with what is wrong with it."""
    if wish.parity.data and not Path(wish.parity.data).is_file():
        raise MissingFile(f"There is no file of held-out prompts at {wish.parity.data}.")
    return _check_of(wish) if wish.checks else _export_of(wish)


def _export_of(wish: Wish) -> ExportRecipe:
    if not wish.quants:
        raise BadRecipe("Tick at least one format.")
    if wish.name and (Path(wish.name).name != wish.name or wish.name.startswith(".")):
        raise BadRecipe("Give the files a name without folders.")
    _require_place(wish.out)
    if wish.run is not None:
        recipe = wish.run.recipe
        return ExportRecipe(
            title=f"Export of {wish.run.folder.title}", base=_base_of(wish.run), adapter=str(wish.run.folder.path / ADAPTER),
            quants=wish.quants, name=wish.name, license=wish.license, tier=recipe.tier, contract=recipe.contract,
            merged_folder=wish.merged_folder, lora_gguf=wish.lora_gguf, out=wish.out, parity=wish.parity,
        )  # fmt: skip
    return _from_folders(wish)


def _from_folders(wish: Wish) -> ExportRecipe:
    if not wish.base:
        raise BadRecipe("Choose a finished run, or the folder of a base model.")
    if wish.base.endswith(_GGUF):
        _require_file(wish.base, "F16 GGUF")
    else:
        for named, what, needed in (
            (wish.base, "base model", "config.json"),
            (wish.adapter, "adapter", "adapter_config.json"),
        ):
            is_hub_id = needed == "config.json" and _HUB_ID.fullmatch(named) and not Path(named).exists()
            if named and not is_hub_id and not (Path(named) / needed).is_file():
                raise MissingFile(f"{named} is no {what}: it has no {needed}.")
    title = f"Export of {Path(wish.adapter or wish.base).name}"
    return ExportRecipe(
        title=title, base=wish.base, adapter=wish.adapter, quants=wish.quants, name=wish.name, license=wish.license,
        tier=wish.tier, merged_folder=wish.merged_folder, lora_gguf=wish.lora_gguf, out=wish.out, parity=wish.parity,
    )  # fmt: skip


def _check_of(wish: Wish) -> VerifyRecipe:
    if not wish.checked:
        raise BadRecipe("Choose the GGUF that is to be checked.")
    _require_file(wish.checked, "GGUF")
    if wish.reference:
        _require_file(wish.reference, "GGUF")
    title = f"Check of {Path(wish.checked).name}"
    return VerifyRecipe(title=title, file=wish.checked, reference=wish.reference, tier=wish.tier, parity=wish.parity)


def _base_of(run: FinishedRun) -> str:
    """The base of a run: absolute, relative to the run's folder, or a Hub id."""
    inside = run.folder.path / run.recipe.base
    return str(inside) if inside.is_dir() else run.recipe.base


def _require_file(named: str, what: str) -> None:
    if not Path(named).is_file():
        raise MissingFile(f"There is no {what} at {named}.")


def _require_place(named: str) -> None:
    """The folder need not be there yet. Relative to what it would be, a process elsewhere cannot know."""
    if named and not Path(named).is_absolute():
        raise BadRecipe(f"Choose the folder for the finished files with its whole path: {named} could be anywhere.")
    if Path(named).is_file():
        raise BadRecipe(f"The finished files cannot be put into {named}: it is a file.")
