"""`arny export`: from adapter to verified GGUF files, held against F16 before they get their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, get_args

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.errors import BadInput, BadRecipe
from arny_studio.jobs.answers import planned_export
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace
from arny_studio.recipe import (
    ExportRecipe,
    Limit,
    ParityLimits,
    ParitySettings,
    Quant,
    TrainRecipe,
)
from arny_studio.recipe.export import Tier
from arny_studio.recipe.plan import ExportPlan

_MIB = 1 << 20

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PromptCount = Annotated[
    int, typer.Option("--parity-prompts", min=0, help="Held-out prompts for the parity gate; 0: without it.")
]
PromptFile = Annotated[
    Path | None,
    typer.Option("--prompts", help="JSONL with the held-out prompts; else the run's validation rows, else generated."),
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        help=f"Limit of the gate, as NAME=RED or NAME=AMBER:RED: {', '.join(ParityLimits.__struct_fields__)}.",
    ),
]


def export(
    run: Annotated[str, typer.Argument(help="A training run: its name, `latest`, or its folder.")] = "",
    base: Annotated[
        str,
        typer.Option(help="Base or merged model (folder, Hub id) or an F16 GGUF; with RUN, instead of the run's base."),
    ] = "",
    adapter: Annotated[str, typer.Option(help="Folder of a LoRA adapter, where no RUN is given.")] = "",
    quant: Annotated[
        list[str] | None,
        typer.Option(help=f"Format to write: {', '.join(get_args(Quant))}. Repeatable; without it Q4_K_M."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; else they stay in the run folder.")] = None,
    name: Annotated[str, typer.Option(help="What the files' names begin with; else the base's name.")] = "",
    merged: Annotated[bool, typer.Option(help="Also write the merged model as safetensors.")] = False,
    lora: Annotated[bool, typer.Option("--lora", help="Also write the adapter alone as a LoRA GGUF.")] = False,
    keep_f16: Annotated[bool, typer.Option(help="Keep the F16 file even where it is not asked for.")] = False,
    tier: Annotated[str, typer.Option(help="tier1 or tier2: what the files are for; with RUN, the run's.")] = "",
    license_id: Annotated[str, typer.Option("--license", help="Licence of the files; else the base's.")] = "",
    parity_prompts: PromptCount = ParitySettings().prompts,
    prompts: PromptFile = None,
    trainer_prompts: Annotated[
        int, typer.Option(min=0, help="Prompts that the trained model replays too (needs torch); 0: none.")
    ] = ParitySettings().trainer_prompts,
    limit: Limits = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written, and how large.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: one less than there are cores.")] = 0,
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
) -> None:
    """Merge the adapter of a training run into its base, write GGUF files, and hold each against F16.

    Exit code 4: a file is red, that is, it does not behave like F16; it is kept as NAME.red.gguf. With --json the
    result "delivered" names the files under --out.
    """
    root = workspace or default_workspace()
    recipe = _recipe(
        _training_run(Workspace(root), run) if run else None,
        ExportRecipe(
            base=_absolute(base), adapter=_absolute(adapter), quants=_quants(quant or ["Q4_K_M"]), name=name,
            out=str(out.expanduser().absolute()) if out is not None else "", merged_folder=merged, lora_gguf=lora, keep_f16=keep_f16, threads=threads, tier=_tier(tier),
            license=license_id,
            parity=parity_settings(parity_prompts, prompts, limit, trainer_prompts=trainer_prompts),
        ),
    )  # fmt: skip
    if dry_run:
        _print_plan(planned_export(recipe, out or Workspace(root).runs, Workspace(root).models), as_json=as_json)
        return
    outcome, folder = run_recipe("export", recipe, workspace=root, as_json=as_json)
    if outcome.is_success and not as_json:
        for file in _final_files(folder):
            print(file)
    raise typer.Exit(outcome.exit_code)


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
    return msgspec.structs.replace(
        asked, title=trained.title, base=asked.base or _beside(run, trained.base), adapter=str(_adapter_of(run)),
        tier=asked.tier or trained.tier, contract=trained.contract,
    )  # fmt: skip


def parity_settings(
    prompts: int, data: Path | None, limits: list[str] | None, *, trainer_prompts: int = 0
) -> ParitySettings:
    """The gate as the command line asks for it. Raises BadRecipe for a limit that there is not."""
    return ParitySettings(
        prompts=prompts, data=str(data.expanduser().absolute()) if data is not None else "",
        trainer_prompts=trainer_prompts, limits=_limits(limits or []),
    )  # fmt: skip


def _limits(asked: list[str]) -> ParityLimits:
    limits = ParityLimits()
    for text in asked:
        name, _, value = text.partition("=")
        if name not in ParityLimits.__struct_fields__:
            raise BadRecipe(f"There is no limit {name!r}.", hint=f"Known: {', '.join(ParityLimits.__struct_fields__)}.")
        amber, _, red = value.rpartition(":")
        try:
            edge = float(red)
            made = Limit(amber=float(amber) if amber else min(getattr(limits, name).amber, edge), red=edge)
        except ValueError as error:
            raise BadRecipe(f"The limit {text!r} is not of the form NAME=RED or NAME=AMBER:RED.") from error
        limits = msgspec.structs.replace(limits, **{name: made})
    return limits


def _tier(named: str) -> Tier:
    if named not in get_args(Tier):
        raise BadRecipe(f"{named!r} is no tier.", hint="Say tier1 or tier2.")
    return named  # pyright: ignore[reportReturnType] - checked a line above


def _print_plan(plan: ExportPlan, *, as_json: bool) -> None:
    if as_json:
        totals = {"needed_bytes": plan.needed_bytes, "about_s": round(plan.about_s, 1)}
        print(json.dumps(msgspec.to_builtins(plan) | totals))
        return
    phones = [fit.device for fit in next((file.phones for file in plan.files if file.phones), [])]
    table = Table(box=None)
    for title in ("file", "MiB", "bits/weight", *(f"{phone} (MiB)" for phone in phones)):
        table.add_column(title, no_wrap=True)
    for file in plan.files:
        fits = (f"{fit.needed_bytes / _MIB:,.0f} of {fit.cap_bytes / _MIB:,.0f}" for fit in file.phones)
        table.add_row(file.name, f"{file.size_bytes / _MIB:,.1f}", str(file.bits_per_weight), *fits)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.width = max(console.width, 140)
    console.print(table)
    for file in plan.files:
        if file.fallbacks:
            console.print(file.fallback_sentence)
    console.print(
        f"{plan.needed_bytes / _MIB:,.0f} MiB of disk are needed, {plan.free_bytes / _MIB:,.0f} are free;"
        f" about {plan.about_s:,.0f} s."
    )


def _final_files(folder: RunFolder) -> list[str]:
    """Where the files are: in the folder that was asked for, else in the run's own."""
    state = folder.state()
    own = [str(folder.path / artifact.path) for artifact in state.artifacts]
    return state.results.get("delivered", {}).get("files", own)


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
