"""`arny inspect` and `arny verify`: what a GGUF says of itself, and whether it is sound and behaves like its F16."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from arny_studio.cli.export import AsJson, Limits, PromptCount, PromptFile, parity_settings
from arny_studio.cli.running import run_recipe
from arny_studio.jobs.answers import answer_of
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import EXIT_FINISHED
from arny_studio.recipe import ParitySettings, VerifyRecipe

File = Annotated[Path, typer.Argument(help="A GGUF file.", show_default=False)]


def inspect(file: File, as_json: AsJson = False) -> None:
    """Show what a GGUF file says about itself: architecture, size, tensor types, metadata."""
    answer = answer_of("inspect_gguf", file)
    if as_json:
        print(json.dumps(answer))
        return
    print(
        f"{answer['path']}: {answer['architecture']}, {answer['parameters']:,} parameters,"
        f" {answer['bits_per_weight']} bits per weight, {answer['size_bytes']:,} bytes"
    )
    types = ", ".join(f"{count} × {kind}" for kind, count in answer["tensor_types"].items())
    print(f"{answer['tensors']} tensors ({types}), {answer['tokens']:,} tokens")
    _print_metadata(answer["metadata"])


def verify(
    file: File,
    against: Annotated[Path | None, typer.Option(help="GGUF to hold it against, as a rule its F16.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="Folder of the tokenizer that it should have.")] = None,
    parity_prompts: PromptCount = ParitySettings().prompts,
    prompts: PromptFile = None,
    limit: Limits = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: one less than there are cores.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Check a whole GGUF: header, tensors, tokenizer, values, lineage; and with --against, how it behaves.

    Exit code 4: it is not sound, or the parity gate turned it red. With --json a file that cannot be read is an object
    too, with the reason as "error".
    """
    recipe = VerifyRecipe(
        file=str(file.expanduser().absolute()), reference=str(against.expanduser().absolute()) if against else "",
        tokenizer=str(tokenizer.expanduser().absolute()) if tokenizer else "", threads=threads,
        parity=parity_settings(parity_prompts, prompts, limit),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder.create(Path(scratch) / "verify", recipe)
        outcome, _ = run_recipe("verify", recipe, folder=run, quiet=as_json or against is None, is_scratch=True)
        results = run.state().results
    said = _said(file, results, is_sound=outcome.exit_code == EXIT_FINISHED)
    if as_json:
        print(json.dumps(said if outcome.is_success else said | {"error": outcome.sentence, "hint": outcome.hint}))
    elif outcome.is_success:
        _print_checks(said)
    raise typer.Exit(outcome.exit_code)


def _said(file: Path, results: dict[str, dict[str, Any]], *, is_sound: bool) -> dict[str, Any]:
    checks = [
        {"name": name.removeprefix("check "), **values} for name, values in results.items() if name.startswith("check ")
    ]
    parity = next((values for name, values in results.items() if name.startswith("parity ")), None)
    return {"path": str(file), "is_sound": is_sound, "checks": checks, "parity": parity}


def _print_checks(said: dict[str, Any]) -> None:
    for check in said["checks"]:
        print(f"{'ok ' if check['passed'] else 'BAD'}  {check['name']}: {check['says']}")
    parity = said["parity"]
    if parity is None:
        return
    print(f"{'BAD' if parity['verdict'] == 'red' else 'ok '}  parity: {parity['verdict']}, against {parity['against']}")
    for reason in parity["reasons"]:
        print(f"     {reason}")


def _print_metadata(metadata: dict[str, Any]) -> None:
    table = Table("key", "value", box=None, show_header=False)
    for key, value in metadata.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        table.add_row(key, text if len(text) <= 80 else f"{text[:80]}…")
    Console(markup=False, highlight=False).print(table)
