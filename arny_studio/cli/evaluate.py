"""`arny eval MODEL DATA`: how good a router is on held-out rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson
import typer
from rich.console import Console
from rich.table import Table

from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.evaluation import RouterScores
from arny_studio.evaluation.report import score_lines
from arny_studio.jobs.events import AnyEvent, Result
from arny_studio.recipe import EvaluateRecipe


def evaluate(
    model: Annotated[Path, typer.Argument(help="GGUF file, or a model or adapter folder.", show_default=False)],
    data: Annotated[
        Path, typer.Argument(help="JSONL file: samples with messages, or rows of text and journey.", show_default=False)
    ],
    limit: Annotated[int, typer.Option(min=0, help="Rows to score; 0: all.")] = 0,
    constrained: Annotated[
        bool, typer.Option("--constrained", help="Let the model write only what the contract's schema allows.")
    ] = False,
    contract: Annotated[
        str, typer.Option("--contract", help="Contract: a built-in id (router-v1, tools-v1) or a .json file.")
    ] = "router-v1",
    context: Annotated[int, typer.Option(min=128, help="Context length, in tokens.")] = 1024,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: one less than there are cores.")] = 0,
    workspace: WorkspacePath = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON object.")] = False,
) -> None:
    """Score a router on held-out rows: valid JSON, journey, intent, missing fields, complexity. Keeps every prediction."""
    recipe = EvaluateRecipe(
        model=str(model.absolute()),
        data=str(data.absolute()),
        contract=str(Path(contract).absolute()) if contract.endswith(".json") else contract,
        limit=limit,
        constrained=constrained,
        context=context,
        threads=threads,
    )
    found: dict[str, Any] = {}

    def hear(event: AnyEvent) -> None:
        if isinstance(event, Result) and event.name == "scores":
            found.update(event.values)

    outcome, folder = run_recipe("evaluate", recipe, workspace=workspace, quiet=as_json, on_event=hear)
    if found and as_json:
        predictions = str(folder.outputs / "predictions.jsonl")
        print(orjson.dumps({"model": recipe.model, "data": recipe.data, **found, "predictions": predictions}).decode())
    elif found:
        _print_scores(msgspec.convert(found, RouterScores), folder.outputs / "predictions.jsonl")
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


def _print_scores(scores: RouterScores, predictions: Path) -> None:
    console = Console(highlight=False)
    table = Table("score")
    table.add_column("value", justify="right")
    for words, figure in score_lines(scores):
        table.add_row(words, figure)
    console.print(table)
    console.print(f"Predictions: {predictions}", style="dim", markup=False, soft_wrap=True)
