"""`arny phone run QUERIES.jsonl`: scripted queries through a simulated phone, one line each; which phones there are,
and which of them hold which models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import orjson
import typer
from rich.console import Console
from rich.table import Table

from arny_studio.cli.progress import print_line
from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.device import DeviceProfile, built_in_profiles, load_profile
from arny_studio.device.benchmark import load_speeds
from arny_studio.device.fit import Fit, fits_of
from arny_studio.device.memory import ModelShape
from arny_studio.device.policy import mib
from arny_studio.device.profiles import OWN_PROFILES, own_profiles
from arny_studio.errors import BadInput
from arny_studio.evaluation.phone_report import EXPECTED, ScriptedRun, summary_of
from arny_studio.jobs.events import AnyEvent, Replied
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.replies import reply_line
from arny_studio.jobs.shapes import Shapes, model_shapes
from arny_studio.paths import DEMO_TIER1, DEMO_TIER2, default_workspace
from arny_studio.recipe import PhoneRecipe
from arny_studio.recipe.phone import Floor, Threshold

app = typer.Typer(
    help="Send scripted queries through a simulated phone; list the phones; say which models fit.", no_args_is_help=True
)

Device = Annotated[str, typer.Option(help="The phone: 4gb, 6gb, 12gb, one of your own, or a profile file (.toml).")]
Tier1 = Annotated[Path | None, typer.Option("--tier1", help="GGUF of the router; without it the embedded demo router.")]
Tier2 = Annotated[
    Path | None,
    typer.Option("--tier2", help="GGUF of the reasoner; without it the embedded one, or none beside --tier1."),
]
ContractName = Annotated[
    str, typer.Option("--contract", help="Contract: a built-in id (router-v1, tools-v1) or a .json file.")
]
Threads = Annotated[int, typer.Option(min=0, help="Threads; 0: one less than there are cores.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of sampling.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RamGib = Annotated[
    float | None, typer.Option("--ram", min=1, max=64, help="GiB of RAM; reserve and budget keep their shares of it.")
]
Benchmark = Annotated[
    Path | None, typer.Option("--benchmark", help="Speeds of the real phone (CSV, JSON, llama-bench): expected times.")
]
ConnectorFile = Annotated[
    Path | None, typer.Option("--connectors", help="Connector file (.toml); without it the offline sandbox.")
]
ThresholdOption = Annotated[int, typer.Option("--threshold", min=0, max=101, help="Scores from here on go to Tier-2.")]
FloorOption = Annotated[float, typer.Option("--confidence", min=0, max=1, help="Below this the router asks.")]


@app.command("run")
def run(
    queries: Annotated[
        Path, typer.Argument(help='JSONL file, one {"query": …} a line; "continues": true answers the question before.')
    ],
    device: Device = "6gb",
    tier1: Tier1 = None,
    tier2: Tier2 = None,
    contract: ContractName = "router-v1",
    connectors: ConnectorFile = None,
    benchmark: Benchmark = None,
    ram: RamGib = None,
    threshold: ThresholdOption = 60,
    confidence: FloorOption = 0.5,
    threads: Threads = 0,
    seed: Seed = 1,
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
) -> None:
    """Send every query of a file through one phone, in order; with --json one line each.

    The run folder keeps the lines and a report. Nobody is here to agree to a payment, so none is sent.
    """
    profile = phone_profile(device, workspace, ram=ram, benchmark=benchmark)
    recipe = phone_recipe(
        tier1, tier2, profile, contract=contract, threads=threads, seed=seed, queries=queries, connectors=connectors,
        threshold=threshold, confidence=confidence,
    )  # fmt: skip
    console = Console(highlight=False)
    replies: list[Replied] = []

    def show(event: AnyEvent) -> None:
        if isinstance(event, Replied):
            replies.append(event)
            if as_json:
                print_line(orjson.dumps(reply_line(event)).decode())
            else:
                print_reply(console, event)

    outcome, folder = run_recipe("phone", recipe, workspace=workspace, quiet=True, on_event=show)
    if replies and not as_json:
        _print_summary(console, profile, recipe, replies, folder)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


@app.command("profiles")
def profiles(workspace: WorkspacePath = None, as_json: AsJson = False) -> None:
    """The phones that ship with the product, and your own; any of them can be copied and changed."""
    known = known_profiles(workspace)
    if as_json:
        print(orjson.dumps({name: msgspec.to_builtins(profile) for name, profile in known.items()}).decode())
        return
    table = Table("id", "phone", "mode")
    for heading in ("RAM", "app may hold", "context 1 / 2", "batch"):
        table.add_column(heading, justify="right")
    for name, profile in known.items():
        table.add_row(name, *_profile_cells(profile))
    Console(highlight=False).print(table)


@app.command("fit")
def fit(
    models: Annotated[list[Path], typer.Argument(help="GGUF files.", show_default=False)],
    router: Annotated[
        Path | None,
        typer.Option("--router", help="Router that a reasoner stands beside; without it the smallest of several."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Only this phone.")] = None,
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
) -> None:
    """Which phones hold which models, and why not: asked of the ledger, nothing is loaded.

    Exit code 4 where a model fits no phone in any role.
    """
    files = [*models, *([router] if router is not None and router not in models else [])]
    shapes = model_shapes([path.absolute() for path in files])
    judged = [_shape(shapes, path) for path in models]
    beside = _shape(shapes, router) if router is not None else _smallest(judged)
    known = {device: phone_profile(device, workspace)} if device is not None else known_profiles(workspace)
    fits = fits_of(known, shapes.host_bytes, judged, beside)
    if as_json:
        for each in fits:
            print(orjson.dumps(msgspec.to_builtins(each)).decode())
    else:
        _print_fits(Console(highlight=False), fits, beside)
    if any(not any(each.fits for each in fits if each.model == shape.name) for shape in judged):
        raise typer.Exit(4)


def known_profiles(workspace: Path | None) -> dict[str, DeviceProfile]:
    """The built-in phones, then those saved in the workspace."""
    return built_in_profiles() | own_profiles(_own_folder(workspace))


def phone_profile(
    device: str, workspace: Path | None = None, *, ram: float | None = None, benchmark: Path | None = None
) -> DeviceProfile:
    """The profile that `--device`, `--ram` and `--benchmark` stand for. Raises ArnyError for what there is not."""
    profile = load_profile(device, _own_folder(workspace))
    if ram is not None:
        profile = profile.with_ram(round(1024 * ram))
    if benchmark is not None:
        profile = msgspec.structs.replace(profile, speeds=load_speeds(benchmark))
    return profile


def phone_recipe(
    tier1: Path | None, tier2: Path | None, profile: DeviceProfile, *, contract: str, threads: int, seed: int,
    queries: Path, connectors: Path | None = None, threshold: Threshold = 60, confidence: Floor = 0.5,
) -> PhoneRecipe:  # fmt: skip
    """The recipe of a scripted phone, its paths made absolute. Without a router of one's own: the demo pair."""
    if tier1 is None:
        tier1, tier2 = DEMO_TIER1, tier2 or DEMO_TIER2
    return PhoneRecipe(
        title=profile.title,
        tier1=str(tier1.absolute()),
        tier2=str(tier2.absolute()) if tier2 is not None else "",
        device=profile.title,
        profile=profile,
        contract=str(Path(contract).absolute()) if contract.endswith(".json") else contract,
        connectors=str(connectors.absolute()) if connectors is not None else "",
        complexity_threshold=threshold,
        confidence_floor=confidence,
        threads=threads,
        seed=seed,
        queries=str(queries.absolute()),
    )


def print_reply(console: Console, event: Replied) -> None:
    """One query and its reply, for people. Text of models and people is never markup."""
    console.print(f"› {event.query[:500]}", style="bold", markup=False)
    loads = f", Tier-2 loaded {event.loads}×" if event.loads else ""
    expected = f", expected on the phone {event.expected_ms:,.0f} ms" if event.expected_ms is not None else ""
    said = f"  {event.action} · {event.ms:,.0f} ms{expected} · peak {event.peak_mib:,.0f} MiB{loads}"
    console.print(said, style="dim", markup=False)
    console.print(event.reply, markup=False, soft_wrap=True)
    console.print()


def _print_summary(
    console: Console, profile: DeviceProfile, recipe: PhoneRecipe, replies: list[Replied], folder: RunFolder
) -> None:
    models = tuple(Path(name).name for name in (recipe.tier1, recipe.tier2) if name)
    run_ = ScriptedRun(
        phone=profile.title, mode=profile.wished_mode, models=models, cap_mib=profile.cap_bytes / 2**20,
        lines=[reply_line(reply) for reply in replies],
    )  # fmt: skip
    table = Table(show_header=False, title=profile.title)
    for name, value in summary_of(run_):
        table.add_row("Expected on the phone" if name == EXPECTED else name, value)
    console.print(table)
    console.print(f"Report: {folder.outputs / 'report.md'}", style="dim", markup=False, soft_wrap=True)


def _own_folder(workspace: Path | None) -> Path:
    return (workspace or default_workspace()) / OWN_PROFILES


def _shape(shapes: Shapes, path: Path) -> ModelShape:
    known = next(model for model in shapes.models if model.path == str(path.absolute()))
    if known.shape is None:
        raise BadInput(known.problem)
    return known.shape


def _smallest(models: list[ModelShape]) -> ModelShape | None:
    return min(models, key=lambda shape: shape.file_bytes) if len(models) > 1 else None


def _print_fits(console: Console, fits: list[Fit], router: ModelShape | None) -> None:
    if router is not None:
        console.print(f"Reasoners stand beside the router {router.name}.", style="dim", markup=False)
    table = Table("model", "role", "phone", "fits")
    for heading in ("needs", "free"):
        table.add_column(heading, justify="right")
    for each in fits:
        mark = "[green]yes[/]" if each.fits else "[red]no[/]"
        table.add_row(each.model, each.role, each.phone, mark, mib(each.needed), mib(each.free))
    console.print(table)
    for each in fits:
        if not each.fits:
            said = f"{each.phone}, {each.model} as the {each.role}: {each.sentence} {each.remedy}".strip()
            console.print(said, markup=False, soft_wrap=True)


def _profile_cells(profile: DeviceProfile) -> list[str]:
    contexts = f"{profile.tier1.context:,} / {profile.tier2.context:,}"
    ram, budget = f"{profile.ram_mib:,} MiB", f"{profile.app_budget_mib:,} MiB"
    return [profile.title, profile.wished_mode.replace("_", " "), ram, budget, contexts, f"{profile.tier1.batch}"]
