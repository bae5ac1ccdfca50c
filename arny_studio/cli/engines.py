"""`arny engines`: what can train here, and the command that installs what lacks."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from arny_studio.cli.runs import AsJson
from arny_studio.jobs.engines import EngineProbe, probe_engine_now

_NAMES = {"trl": "TRL + PEFT", "unsloth": "Unsloth"}
_SHOWN = ("python", "torch", "transformers", "trl", "peft", "unsloth", "bitsandbytes")


def engines(
    python: Annotated[str, typer.Option(help="Python of another environment, such as that of Unsloth.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask this Python, and another one if named, whether TRL and Unsloth can train with it."""
    probes = [probe_engine_now("", "trl"), probe_engine_now(python, "unsloth")]
    if as_json:
        print(msgspec.json.encode(probes).decode())
        return
    console = Console(highlight=False)
    for probe in probes:
        _print(console, probe)


def _print(console: Console, probe: EngineProbe) -> None:
    console.print(f"{_NAMES[probe.engine]:<12}", end="")
    console.print("ready" if probe.is_usable else probe.problem, style="green" if probe.is_usable else "yellow")
    console.print(f"{'':<12}{probe.python}", style="dim", markup=False, soft_wrap=True)
    versions = ", ".join(f"{name} {probe.versions[name]}" for name in _SHOWN if name in probe.versions)
    if versions:
        console.print(f"{'':<12}{versions}", style="dim", markup=False, soft_wrap=True)
    devices = ", ".join(probe.devices) or "no GPU: it trains on the CPU"
    if probe.is_usable:
        console.print(f"{'':<12}{devices}", style="dim", markup=False, soft_wrap=True)
    if probe.install_command:
        console.print(f"{'':<12}{probe.install_command}", markup=False, soft_wrap=True)
