"""`arny phone run|profiles`: scripted queries through a simulated phone, and the phones there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson
import typer
from rich.console import Console
from rich.table import Table

from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.device import DeviceProfile, built_in_profiles
from arny_studio.jobs.events import AnyEvent, Replied
from arny_studio.paths import DEMO_TIER1, DEMO_TIER2
from arny_studio.recipe import PhoneRecipe

app = typer.Typer(help="Send scripted queries through a simulated phone; list the phones.", no_args_is_help=True)

Device = Annotated[str, typer.Option(help="The phone: 4gb, 6gb, 12gb, or a profile file (.toml).")]
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

LINE_KEYS = ("query", "decision", "valid", "action", "reply", "ms", "peak_mib")


@app.command("run")
def run(
    queries: Annotated[Path, typer.Argument(help='JSONL file, one {"query": …} a line.', show_default=False)],
    device: Device = "6gb",
    tier1: Tier1 = None,
    tier2: Tier2 = None,
    contract: ContractName = "router-v1",
    threads: Threads = 0,
    seed: Seed = 1,
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
) -> None:
    """Send every query of a file through one phone, in order; with --json one line each."""
    recipe = phone_recipe(tier1, tier2, device, contract=contract, threads=threads, seed=seed, queries=queries)
    console = Console(highlight=False)

    def show(event: AnyEvent) -> None:
        if isinstance(event, Replied):
            if as_json:
                print(orjson.dumps(reply_line(event)).decode(), flush=True)
            else:
                print_reply(console, event)

    outcome, _ = run_recipe("phone", recipe, workspace=workspace, quiet=True, on_event=show)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


@app.command("profiles")
def profiles(as_json: AsJson = False) -> None:
    """The phones that ship with the product; any of them can be copied and changed."""
    known = built_in_profiles()
    if as_json:
        print(orjson.dumps({name: msgspec.to_builtins(profile) for name, profile in known.items()}).decode())
        return
    table = Table("id", "phone", "mode")
    for heading in ("RAM", "app may hold", "context 1 / 2", "batch"):
        table.add_column(heading, justify="right")
    for name, profile in known.items():
        table.add_row(name, *_profile_cells(profile))
    Console(highlight=False).print(table)


def phone_recipe(
    tier1: Path | None, tier2: Path | None, device: str, *, contract: str, threads: int, seed: int, queries: Path
) -> PhoneRecipe:
    """The recipe of a scripted phone, its paths made absolute. Without a router of one's own: the demo pair."""
    if tier1 is None:
        tier1, tier2 = DEMO_TIER1, tier2 or DEMO_TIER2
    return PhoneRecipe(
        tier1=str(tier1.absolute()),
        tier2=str(tier2.absolute()) if tier2 is not None else "",
        device=str(Path(device).absolute()) if device.endswith(".toml") else device,
        contract=str(Path(contract).absolute()) if contract.endswith(".json") else contract,
        threads=threads,
        seed=seed,
        queries=str(queries.absolute()),
    )


def reply_line(event: Replied) -> dict[str, Any]:
    """What a scripted run says about one query."""
    return {key: getattr(event, key) for key in LINE_KEYS}


def print_reply(console: Console, event: Replied) -> None:
    """One query and its reply, for people. Text of models and people is never markup."""
    console.print(f"› {event.query[:500]}", style="bold", markup=False)
    loads = f", Tier-2 loaded {event.loads}×" if event.loads else ""
    console.print(f"  {event.action} · {event.ms:,.0f} ms · peak {event.peak_mib:,.0f} MiB{loads}", style="dim")
    console.print(event.reply, markup=False, soft_wrap=True)
    console.print()


def _profile_cells(profile: DeviceProfile) -> list[str]:
    contexts = f"{profile.tier1.context:,} / {profile.tier2.context:,}"
    ram, budget = f"{profile.ram_mib:,} MiB", f"{profile.app_budget_mib:,} MiB"
    return [profile.title, profile.wished_mode.replace("_", " "), ram, budget, contexts, f"{profile.tier1.batch}"]
