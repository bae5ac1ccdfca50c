"""`arny train`: fine-tune from a recipe file or a preset, or go on with a run that was stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from arny_studio.cli.check_training import check_training
from arny_studio.cli.queue import enqueue
from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.cli.train_recipe import parsed_settings, wanted_recipe
from arny_studio.errors import BadRecipe
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.queue import RunQueue
from arny_studio.jobs.training_inputs import require_datasets
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace
from arny_studio.recipe import TrainRecipe, dump_recipe
from arny_studio.recipe.foreign import write_foreign
from arny_studio.recipe.presets import list_presets


def train(
    recipe: Annotated[
        Path | None,
        typer.Argument(help="Recipe file: TOML, or YAML of TRL, axolotl or LLaMA-Factory.", show_default=False),
    ] = None,
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
    queue: Annotated[
        bool, typer.Option("--queue", help="Put the training into the queue instead of starting it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the recipe that would run, and end.")] = False,
    flavour: Annotated[
        str, typer.Option("--as", help="Print the recipe as YAML of trl, axolotl or llamafactory, and end.")
    ] = "",
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
    changes = {field: value for field, value in named.items() if value} | parsed_settings(settings or [])
    if resume:
        _refuse_beside_resume(recipe, preset_name, changes)
        folder: RunFolder | None = Workspace(root).find_run(resume)
        wanted = folder.recipe(TrainRecipe)
    else:
        folder = None
        wanted = wanted_recipe(recipe, preset_name, changes)
    if flavour:
        _print_foreign(wanted, flavour)
        return
    if dry_run:
        print(dump_recipe(wanted), end="")
        return
    if check:
        raise typer.Exit(check_training(wanted, Workspace(root).runs, as_json=as_json))
    if folder is None:
        require_datasets(wanted)
    if queue:
        workspace_queue = RunQueue(Workspace(root))
        enqueue(workspace_queue, folder or workspace_queue.workspace.new_run("train", wanted))
        return
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


def _refuse_beside_resume(recipe: Path | None, preset_name: str, changes: dict[str, Any]) -> None:
    if recipe is not None or preset_name or changes:
        raise BadRecipe(
            "--resume goes on with the run's own recipe and takes no other.",
            hint="To change something, start a new run.",
        )


def _print_foreign(recipe: TrainRecipe, flavour: str) -> None:
    """The YAML on stdout, what it cannot say on stderr."""
    exported = write_foreign(recipe, flavour)
    print(exported.text, end="")
    for note in exported.notes:
        sys.stderr.write(note + "\n")


def _print_presets() -> None:
    for found in list_presets():
        machine = "needs CUDA" if found.needs == "cuda" else "runs on a CPU"
        print(f"{found.id:<12} {found.title} ({machine})\n{'':<12} {found.description}")
