"""`arny route "Book a flight"`: one query through a simulated phone, with everything that led to the reply."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson
import typer
from rich.console import Console
from rich.table import Table

from arny_studio.cli.phone import (
    AsJson,
    Benchmark,
    ConnectorFile,
    ContractName,
    Device,
    FloorOption,
    RamGib,
    Seed,
    Threads,
    ThresholdOption,
    Tier1,
    Tier2,
    phone_profile,
    phone_recipe,
)  # fmt: skip
from arny_studio.cli.running import WorkspacePath, run_recipe
from arny_studio.jobs.events import AnyEvent, Decided, Ledger, LedgerLine, LoadRefused, Log, Replied
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.replies import reply_line
from arny_studio.recipe import PhoneRecipe


def route(
    query: Annotated[str, typer.Argument(help="What the user says.", show_default=False)],
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
    """Route one query on a simulated phone: decision, action and why, reply, time and memory."""
    profile = phone_profile(device, workspace, ram=ram, benchmark=benchmark)
    with tempfile.TemporaryDirectory(prefix="arny-route-") as scratch:
        queries = Path(scratch) / "query.jsonl"
        # A terminal can hand over bytes that are no UTF-8; they become the replacement character.
        text = query.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        queries.write_bytes(orjson.dumps({"query": text}))
        recipe = phone_recipe(
            tier1, tier2, profile, contract=contract, threads=threads, seed=seed, queries=queries,
            connectors=connectors, threshold=threshold, confidence=confidence,
        )  # fmt: skip
        heard, exit_code = _run(recipe, Path(scratch) / "run")
    if heard.replied is not None:
        if as_json:
            print(orjson.dumps(heard.line(heard.replied)).decode())
        else:
            heard.print(Console(highlight=False), heard.replied)
    if exit_code:
        raise typer.Exit(exit_code)


def _run(recipe: PhoneRecipe, folder: Path) -> tuple[_Heard, int]:
    heard = _Heard()
    run = RunFolder.create(folder, recipe)
    outcome, _ = run_recipe("phone", recipe, folder=run, quiet=True, is_scratch=True, on_event=heard.hear)
    return heard, outcome.exit_code


class _Heard:
    """What one routed query gave rise to."""

    def __init__(self) -> None:
        self.decided: Decided | None = None
        self.replied: Replied | None = None
        self.refused: LoadRefused | None = None
        self.ledger: Ledger | None = None  # at its fullest

    def hear(self, event: AnyEvent) -> None:
        match event:
            case Decided():
                self.decided = event
            case Replied():
                self.replied = event
            case LoadRefused():
                self.refused = event
            case Ledger() if self.ledger is None or len(event.lines) >= len(self.ledger.lines):
                self.ledger = event
            case Log() if event.level == "error":
                Console(stderr=True, highlight=False).print(event.text, markup=False)

    def line(self, replied: Replied) -> dict[str, Any]:
        """The one line of `--json`: the keys of a scripted run, and what led there."""
        return reply_line(replied) | {
            "because": self.decided.because if self.decided else "",
            "problems": self.decided.problems if self.decided else [],
            "refused": f"{self.refused.sentence} {self.refused.remedy}" if self.refused else None,
            "known_ms": self.decided.known_ms if self.decided else None,
            "tokens": replied.tokens,
            "forced": self.decided.forced if self.decided else 0,
            "cap_mib": self.ledger.cap_bytes / 2**20 if self.ledger else None,
            "ledger": [msgspec.to_builtins(line) for line in self.ledger.lines] if self.ledger else [],
        }

    def print(self, console: Console, replied: Replied) -> None:
        """For people: the decision, what follows and why, the reply, the time, the memory."""
        if replied.decision is not None:
            pretty = orjson.dumps(replied.decision, option=orjson.OPT_INDENT_2).decode()
            console.print(pretty, markup=False, soft_wrap=True)
        if self.decided is not None:
            console.print(f"\n→ {replied.action}: ", style="bold", end="", markup=False)
            console.print(self.decided.because, markup=False, soft_wrap=True)
        if self.refused is not None:
            console.print(
                f"{self.refused.sentence} {self.refused.remedy}", style="yellow", markup=False, soft_wrap=True
            )
        console.print()
        console.print(replied.reply, markup=False, soft_wrap=True)
        stages = "  ".join(f"{name} {ms:,.0f}" for name, ms in replied.stages_ms.items())
        console.print(f"\n{replied.ms:,.0f} ms  ({stages})", style="dim", markup=False)
        if self.decided is not None and self.decided.tokens:
            chosen = self.decided.tokens - self.decided.forced
            said = f"{self.decided.tokens} tokens: {self.decided.forced} forced by the schema, {chosen} the model's"
            console.print(said, style="dim", markup=False)
        if replied.expected_ms is not None:
            said = f"Expected on the phone: {replied.expected_ms:,.0f} ms, from counted tokens; loading not included"
            console.print(said, style="dim", markup=False)
        if self.ledger is not None:
            console.print(_ledger_table(self.ledger, replied.peak_mib))


def _ledger_table(ledger: Ledger, peak_mib: float) -> Table:
    table = Table("", "", title=f"RAM of the app: peak {peak_mib:,.1f} of {ledger.cap_bytes / 2**20:,.0f} MiB")
    table.add_column("predicted MiB", justify="right")
    table.add_column("measured MiB", justify="right")
    for line in ledger.lines:
        table.add_row(*_ledger_cells(line))
    return table


def _ledger_cells(line: LedgerLine) -> list[str]:
    measured = "" if line.measured_bytes is None else f"{line.measured_bytes / 2**20:,.1f}"
    return [line.owner, line.part, f"{line.predicted_bytes / 2**20:,.1f}", measured]
