"""`arny bundle TARGET`: exported files as a folder that another program takes as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, get_args

import typer

from arny_studio.cli.export import AsJson
from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.errors import BadRecipe
from arny_studio.jobs.events import AnyEvent, Artifact
from arny_studio.paths import default_workspace
from arny_studio.recipe import BundleRecipe, BundleTarget

Target = Annotated[str, typer.Argument(help=f"For whom: {', '.join(get_args(BundleTarget))}.", show_default=False)]


def bundle(
    target: Target,
    out: Annotated[Path, typer.Option(help="Folder to fill.")],
    tier1: Annotated[Path | None, typer.Option(help="Router GGUF.")] = None,
    tier2: Annotated[Path | None, typer.Option(help="Reasoner GGUF.")] = None,
    contract: Annotated[str, typer.Option(help="Contract id or file.")] = BundleRecipe(target="phone").contract,
    context: Annotated[int, typer.Option(min=512, help="Context length to set, in tokens.")] = 2048,
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
) -> None:
    """Hand exported files over: Ollama, LM Studio, llama-cli, sideloading apps, or the Flutter app (phone).

    A red file is refused. The phone bundle holds both tiers, contract, prompts, settings, devices and a manifest.
    """
    if target not in get_args(BundleTarget):
        raise BadRecipe(f"{target!r} is no target.", hint=f"Known: {', '.join(get_args(BundleTarget))}.")
    recipe = BundleRecipe(
        title=f"{target} bundle", target=target,  # pyright: ignore[reportArgumentType] - checked above
        tier1=_absolute(tier1), tier2=_absolute(tier2), contract=contract, context=context,
        out=str(out.expanduser().absolute()),
    )  # fmt: skip
    made: list[str] = []

    def note(event: AnyEvent) -> None:
        if isinstance(event, Artifact):
            made.append(event.path)

    outcome, _ = run_recipe("bundle", recipe, workspace=workspace or default_workspace(), quiet=as_json, on_event=note)
    if outcome.kind == "finished":
        print(json.dumps({"out": recipe.out, "files": made}) if as_json else "\n".join(made))
    raise typer.Exit(outcome.exit_code)


def _absolute(path: Path | None) -> str:
    return str(path.expanduser().absolute()) if path is not None else ""
