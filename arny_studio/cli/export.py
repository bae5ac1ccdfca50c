"""`arny export`, `arny inspect`, `arny verify`: from adapter to GGUF, and a look at any GGUF."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table

from arny_studio.atomic import make_folder, replaced_file
from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.errors import BadInput, BadRecipe
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace
from arny_studio.recipe import ExportRecipe, Quant, TrainRecipe

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[Path, typer.Argument(help="A GGUF file.", show_default=False)]


def export(
    run: Annotated[str, typer.Argument(help="A training run: its name, `latest`, or its folder.")] = "",
    base: Annotated[
        str, typer.Option(help="Folder of the base model; with RUN, instead of the base it was trained on.")
    ] = "",
    adapter: Annotated[str, typer.Option(help="Folder of a LoRA adapter, where no RUN is given.")] = "",
    quant: Annotated[
        list[str] | None,
        typer.Option(help=f"Format to write: {', '.join(get_args(Quant))}. Repeatable; without it Q4_K_M."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; else they stay in the run folder.")] = None,
    name: Annotated[str, typer.Option(help="What the files' names begin with; else the base's name.")] = "",
    merged: Annotated[bool, typer.Option(help="Also write the merged model as safetensors.")] = False,
    keep_f16: Annotated[bool, typer.Option(help="Keep the F16 file even where it is not asked for.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: one less than there are cores.")] = 0,
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
) -> None:
    """Merge the adapter of a training run into its base and write GGUF files, quantized as asked."""
    root = workspace or default_workspace()
    recipe = _recipe(
        _training_run(Workspace(root), run) if run else None,
        ExportRecipe(
            base=_absolute(base), adapter=_absolute(adapter), quants=_quants(quant or ["Q4_K_M"]), name=name,
            merged_folder=merged, keep_f16=keep_f16, threads=threads,
        ),
    )  # fmt: skip
    if out is not None:
        make_folder(out)  # hours of work should not end at a folder that cannot be made
    made: list[Artifact] = []
    outcome, folder = run_recipe(
        "export",
        recipe,
        workspace=root,
        as_json=as_json,
        on_event=lambda event: made.append(event) if isinstance(event, Artifact) else None,
    )
    if outcome.exit_code == 0:
        for artifact in made:
            final = _delivered(folder.path / artifact.path, out)
            if not as_json:
                print(final)
    raise typer.Exit(outcome.exit_code)


def inspect(file: File, as_json: AsJson = False) -> None:
    """Show what a GGUF file says about itself: architecture, size, tensor types, metadata."""
    answer, _ = _ask(file)
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


def verify(file: File, as_json: AsJson = False) -> None:
    """Check a whole GGUF: header, values, chat template, end token, lineage.json. Exit code 4: not sound."""
    answer, exit_code = _ask(file, "--verify")
    if as_json:
        print(json.dumps(answer))
    else:
        for check in answer["checks"]:
            print(f"{'ok ' if check['passed'] else 'BAD'}  {check['name']}: {check['says']}")
    raise typer.Exit(exit_code)


def _training_run(workspace: Workspace, named: str) -> RunFolder:
    """The run with this name; `latest` is the newest training run."""
    if named == "latest":
        named = next((run.name for run in workspace.runs_by_time() if run.kind == "train"), named)
    run = workspace.find_run(named)
    if run.kind != "train":
        raise BadRecipe(f"{run.name} is no training run but one of kind {run.kind!r}, so it has no adapter to export.")
    return run


def _recipe(run: RunFolder | None, asked: ExportRecipe) -> ExportRecipe:
    """What was asked for, with base, adapter and tier of the training run where one is named.

    Another base is for adapters that were trained on the 4-bit version of one.
    """
    if run is None:
        if not asked.base:
            raise BadRecipe("Nothing to export: name a training run, or a base with --base.")
        return asked
    if asked.adapter:
        raise BadRecipe("Name either a training run or --adapter, not both.")
    trained = run.recipe(TrainRecipe)
    return ExportRecipe(
        title=trained.title, base=asked.base or _beside(run, trained.base), adapter=str(_adapter_of(run)), quants=asked.quants,
        name=asked.name, tier=trained.tier, contract=trained.contract, keep_f16=asked.keep_f16,
        merged_folder=asked.merged_folder, threads=asked.threads,
    )  # fmt: skip


def _adapter_of(run: RunFolder) -> Path:
    adapters = [event.path for event in run.events() if isinstance(event, Artifact) and event.kind == "adapter"]
    if not adapters:
        raise BadInput(
            f"The run {run.name} has no adapter yet.", hint="Let it finish, or resume it with `arny train --resume`."
        )
    return run.path / adapters[-1]


def _beside(run: RunFolder, base: str) -> str:
    """The base of a run: absolute, relative to the run's folder, or a Hub id."""
    inside = run.path / base
    return str(inside) if inside.is_dir() else base


def _quants(named: list[str]) -> tuple[Quant, ...]:
    known: dict[str, Quant] = {quant.upper(): quant for quant in get_args(Quant)}
    for name in named:
        if name.upper() not in known:
            raise BadRecipe(f"{name!r} is no format that can be written.", hint=f"Known: {', '.join(known.values())}.")
    return tuple(known[name.upper()] for name in named)


def _absolute(path: str) -> str:
    """A folder that exists becomes absolute, as the recipe moves into another folder; a Hub id stays one."""
    return str(Path(path).expanduser().absolute()) if path and Path(path).expanduser().exists() else path


def _delivered(made: Path, out: Path | None) -> Path:
    """The file under `out`: linked where that is the same disk, else copied; the run folder keeps its own."""
    if out is None:
        return made
    make_folder(out)
    final = out / made.name
    if made.is_dir():
        for part in sorted(made.iterdir()):
            _delivered(part, final)
        return final
    try:
        link = final.with_name(f".{final.name}.{os.getpid()}.partial")
        os.link(made, link)
        link.replace(final)
    except OSError:  # another disk, or one without links
        with made.open("rb") as source, replaced_file(final) as target:
            shutil.copyfileobj(source, target, 1 << 20)
    return final


def _ask(file: Path, *flags: str) -> tuple[dict[str, Any], int]:
    """The answer of the process that reads the file. Raises BadInput where that cannot be used."""
    command = [sys.executable, "-m", "arny_studio.workers.inspect_gguf", str(file), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise BadInput(f"{file} brought down the process that read it.", hint=last[0]) from error
    if "error" in answer:
        raise BadInput(answer["error"], hint=answer["hint"])
    return answer, done.returncode


def _print_metadata(metadata: dict[str, Any]) -> None:
    table = Table("key", "value", box=None, show_header=False)
    for key, value in metadata.items():
        text = str(value)
        table.add_row(key, text if len(text) <= 80 else f"{text[:80]}…")
    Console(markup=False, highlight=False).print(table)
