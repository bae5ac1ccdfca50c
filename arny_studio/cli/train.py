"""`arny train`: fine-tune from a recipe file or a preset, or go on with a run that was stopped."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import structs

from arny_studio.cli.check_training import check_training
from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.errors import BadRecipe
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace
from arny_studio.recipe import TrainRecipe, dump_recipe, load_recipe
from arny_studio.recipe.presets import list_presets, preset
from arny_studio.spelling import unknown_field_hint

_PATHS = ("base", "train_data", "validation_data", "contract")  # base and contract may also be ids


def train(
    recipe: Annotated[Path | None, typer.Argument(help="Recipe file (TOML).", show_default=False)] = None,
    preset_name: Annotated[
        str, typer.Option("--preset", help="Start from a preset instead of a file; --presets lists them.")
    ] = "",
    resume: Annotated[str, typer.Option(help="Go on with a run: its name, `latest`, or its folder.")] = "",
    base: Annotated[str, typer.Option(help="Folder of the base model, or its Hugging Face id.")] = "",
    data: Annotated[str, typer.Option(help="JSONL file with the training samples.")] = "",
    validation: Annotated[str, typer.Option(help="JSONL file with the validation samples.")] = "",
    title: Annotated[str, typer.Option(help="Name for this run.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any field of the recipe: --set learning_rate=1e-4. Repeatable.")
    ] = None,
    show_presets: Annotated[bool, typer.Option("--presets", help="List the presets and end.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Say what the training would do and what stands against it, and end.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the recipe that would run, and end.")] = False,
    workspace: WorkspacePath = None,
    python: Annotated[
        str, typer.Option(help="Python to train with, where torch lives in an environment of its own.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as a JSON line.")] = False,
) -> None:
    """Fine-tune a LoRA adapter from a recipe or a preset. Ctrl-C stops and saves; --resume goes on from there."""
    if show_presets:
        _print_presets()
        return
    root = workspace or default_workspace()
    named = {"base": base, "train_data": data, "validation_data": validation, "title": title}
    changes = {field: value for field, value in named.items() if value} | _parsed(settings or [])
    if resume:
        _refuse_beside_resume(recipe, preset_name, changes)
        folder: RunFolder | None = Workspace(root).find_run(resume)
        wanted = folder.recipe(TrainRecipe)
    else:
        folder = None
        wanted = _wanted(recipe, preset_name, changes)
    if dry_run:
        print(dump_recipe(wanted), end="")
        return
    if check:
        raise typer.Exit(check_training(wanted, Workspace(root).runs, as_json=as_json))
    _run(wanted, folder, root, python, as_json)


def _run(wanted: TrainRecipe, folder: RunFolder | None, root: Path, python: str, as_json: bool) -> None:
    made: list[Artifact] = []
    outcome, run = run_recipe(
        "train",
        wanted,
        folder=folder,
        workspace=root,
        as_json=as_json,
        python=python or None,
        on_event=lambda event: made.append(event) if isinstance(event, Artifact) else None,
    )
    if not as_json:
        for artifact in made:
            print(run.path / artifact.path)
        if outcome.kind == "stopped":
            print(f"Go on with: arny train --resume {run.name}")
    raise typer.Exit(outcome.exit_code)


def _wanted(recipe: Path | None, preset_name: str, changes: dict[str, Any]) -> TrainRecipe:
    """The recipe that the command line describes, with absolute paths."""
    if recipe is not None and preset_name:
        raise BadRecipe("Give either a recipe file or --preset, not both.")
    if recipe is None and not preset_name:
        sentence = "Nothing to train: give a recipe file, --preset NAME with --data FILE, or --resume RUN."
        raise BadRecipe(sentence, hint="List the presets with: arny train --presets")
    changes = changes | {field: _absolute(str(changes[field]), Path.cwd()) for field in _PATHS if field in changes}
    if recipe is None:
        if "train_data" not in changes:
            raise BadRecipe(f"The preset {preset_name} says all but the data.", hint="Name it with --data FILE.")
        return preset(preset_name, **changes)
    read = load_recipe(recipe, TrainRecipe)
    beside = {field: _absolute(getattr(read, field), recipe.absolute().parent) for field in _PATHS}
    return _changed(structs.replace(read, **beside), changes)


def _changed(recipe: TrainRecipe, changes: dict[str, Any]) -> TrainRecipe:
    """The recipe with other values, which are checked as those of a file are."""
    try:
        return msgspec.convert(msgspec.to_builtins(recipe) | changes, TrainRecipe)
    except msgspec.ValidationError as error:
        hint = unknown_field_hint(str(error), TrainRecipe.__struct_fields__)
        raise BadRecipe(f"--set: {error}.", hint=hint) from error


def _parsed(settings: list[str]) -> dict[str, Any]:
    """`field=value` pairs; a value is TOML, and a text where it is none."""
    values: dict[str, Any] = {}
    for setting in settings:
        field, separator, text = setting.partition("=")
        if not separator or not field.strip():
            raise BadRecipe(f"--set {setting!r} is not of the form field=value.")
        try:
            values[field.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[field.strip()] = text.strip()
    return values


def _absolute(value: str, beside: Path) -> str:
    """A path as seen from `beside`, since the recipe moves into the run folder. What may be an id stays as it is."""
    if not value:
        return value
    path = beside / Path(value).expanduser()
    return str(path) if path.exists() or path.suffix in (".jsonl", ".json") else value


def _refuse_beside_resume(recipe: Path | None, preset_name: str, changes: dict[str, Any]) -> None:
    if recipe is not None or preset_name or changes:
        raise BadRecipe(
            "--resume goes on with the run's own recipe and takes no other.",
            hint="To change something, start a new run.",
        )


def _print_presets() -> None:
    for found in list_presets():
        machine = "needs CUDA" if found.needs == "cuda" else "runs on a CPU"
        print(f"{found.id:<12} {found.title} ({machine})\n{'':<12} {found.description}")
