"""`arny models`: the bases, adapters and GGUFs at hand, and how another one gets here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.cli.runs import AsJson
from arny_studio.jobs.model_library import (
    ModelEntry,
    add_model_folder,
    download_folder,
    list_models,
    model_folders,
    remove_model_folder,
)
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace
from arny_studio.recipe import DownloadRecipe

app = typer.Typer(help="List models, bring them from the Hub, add folders of your own.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="A folder with models in it or below it.")]


@app.command("list")
def list_all(
    workspace: WorkspacePath = None,
    kind: Annotated[str, typer.Option(help="Only base, adapter or gguf.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the models of the workspace, of your folders, and those that come with the program."""
    entries = [entry for entry in list_models(_workspace(workspace)) if not kind or entry.kind == kind]
    if as_json:
        print(msgspec.json.encode(entries).decode())
        return
    console = Console(highlight=False)
    for line in _lines_of(entries) or ["There is none here yet; bring one with: arny models download ID"]:
        console.print(line, markup=False, soft_wrap=True)
    for folder in model_folders():
        console.print(f"Also looked for models in {folder}", style="dim", markup=False, soft_wrap=True)


@app.command("download")
def download(
    model: Annotated[str, typer.Argument(help="Hub id, such as Qwen/Qwen2.5-1.5B.")],
    revision: Annotated[str, typer.Option(help="Branch, tag or commit.")] = "main",
    files: Annotated[list[str] | None, typer.Option("--file", help="Pattern of files to take. Repeatable.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where to; default: the workspace's models folder.")] = None,
    token: Annotated[
        str, typer.Option(help="Name of the secret that holds a Hub token; never the token.")
    ] = "HF_TOKEN",
    workspace: WorkspacePath = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as a JSON line.")] = False,
) -> None:
    """Bring a model from the Hub, checked by hash. Started again after an interruption, it goes on."""
    root = _workspace(workspace)
    target = folder.absolute() if folder is not None else download_folder(root, model)
    recipe = DownloadRecipe(
        title=model, model=model, folder=str(target), revision=revision, files=tuple(files or ()), token=token
    )
    outcome, _ = run_recipe("download", recipe, workspace=root.root, as_json=as_json)
    if outcome.is_success and not as_json:
        print(target)
    raise typer.Exit(outcome.exit_code)


@app.command("add")
def add(folder: Folder) -> None:
    """Look for models in a folder of your own from now on."""
    add_model_folder(folder)


@app.command("remove")
def remove(folder: Folder) -> None:
    """Look for models in that folder no more; the models stay where they are."""
    remove_model_folder(folder)


def _workspace(path: Path | None) -> Workspace:
    return Workspace(path if path is not None else default_workspace())


def _lines_of(entries: list[ModelEntry]) -> list[str]:
    """Two lines a model, so that its path stays whole and can be copied: what it is, and where it lies."""
    facts = [(entry.kind, entry.name, *_facts(entry)) for entry in entries]
    widths = [max(map(len, column)) for column in zip(*facts, strict=True)]
    lines = []
    for entry, words in zip(entries, facts, strict=True):
        told = "  ".join(f"{word:<{width}}" for word, width in zip(words, widths, strict=True)).rstrip()
        lines += [told, f"    {entry.path}", *([f"    {entry.problem}"] if entry.problem else [])]
    return lines


def _facts(entry: ModelEntry) -> tuple[str, str, str, str, str]:
    parameters = f"{entry.parameters / 1e6:,.1f} M" if entry.parameters else ""
    return entry.architecture, parameters, entry.form, _size(entry.size_bytes), entry.licence


def _size(count: int) -> str:
    if not count:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
