"""`arny runs`: the runs of a workspace, one of them in detail, and the end of one that goes on."""

from __future__ import annotations

import asyncio
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from arny_studio.cli.running import WorkspacePath
from arny_studio.errors import BadInput
from arny_studio.jobs.annotations import read_annotations
from arny_studio.jobs.event_log import last_event
from arny_studio.jobs.events import Terminal
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.job import StopMode
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.state import RunState, state_as_json
from arny_studio.jobs.supervisor import adopt_job
from arny_studio.jobs.used_data import used_data, used_in_words
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace

app = typer.Typer(help="List, inspect and stop the runs of a workspace.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RunName = Annotated[str, typer.Argument(help="Name of a run, its beginning, its folder, or `latest`.")]


@app.command("list")
def list_runs(
    workspace: WorkspacePath = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, help="How many runs, the newest first.")] = 20,
) -> None:
    """Show the runs of the workspace, the newest first."""
    runs = [_row(run) for run in _workspace(workspace).runs_by_time()[:limit]]
    if as_json:
        print(msgspec.json.encode(runs).decode())
    elif not runs:
        print("There are no runs yet.")
    else:
        for line in _lines_of(runs):
            _console().print(line, markup=False, soft_wrap=True)


@app.command("show")
def show_run(name: RunName, workspace: WorkspacePath = None, as_json: AsJson = False) -> None:
    """Show one run: how far it is, what it made, how it ended."""
    run = _workspace(workspace).find_run(name)
    if not run.is_running and run.lock.owner() is not None:
        run.lock.settle()  # its worker died unseen: the log gets its last event now
    state = run.state()
    if as_json:
        described = msgspec.json.decode(state_as_json(state))
        print(msgspec.json.encode({**_row(run), "path": str(run.path), "state": described}).decode())
        return
    for line in _lines_about(run, state):
        _console().print(line, markup=False, soft_wrap=True)


@app.command("stop")
def stop_run(
    name: RunName,
    workspace: WorkspacePath = None,
    now: Annotated[bool, typer.Option("--now", help="Stop at once, without saving.")] = False,
) -> None:
    """Stop a run, whichever program started it, and wait for its end. It saves first."""
    run = _workspace(workspace).find_run(name)
    outcome = asyncio.run(_stop(run, "now" if now else "save"))
    if outcome is None:
        raise BadInput(f"The run {run.name} is not going on.", hint=f"See: arny runs show {run.name}")
    print(outcome.sentence)
    if outcome.kind == "failed":
        raise typer.Exit(outcome.exit_code)


async def _stop(run: RunFolder, mode: StopMode) -> Outcome | None:
    job = await adopt_job(run)
    if job is None:
        return None
    await job.stop(mode)
    return await job.wait()


def _workspace(path: Path | None) -> Workspace:
    return Workspace(path if path is not None else default_workspace())


def _console() -> Console:
    return Console(highlight=False)


def _row(run: RunFolder) -> dict[str, Any]:
    """One run in short, from the lock, the recipe and the last line of its log; the rest is not read."""
    status, sentence = _status(run)
    row = {"name": run.name, "kind": run.kind, "title": run.title, "status": status, "sentence": sentence}
    return row | {"tags": read_annotations(run).tags}


def _status(run: RunFolder) -> tuple[str, str]:
    """new, running, interrupted, or how it ended; and a sentence."""
    owner = run.lock.living_owner()
    if owner is not None:
        return "running", f"Process {owner.pid}."
    event = last_event(run.events_path)
    if event is None:
        return "new", "Not started yet."
    if not isinstance(event, Terminal):
        return "interrupted", "Its worker ended without a last word."
    outcome = Outcome.from_event(event)
    return outcome.kind, outcome.sentence


def _lines_of(runs: list[dict[str, Any]]) -> list[str]:
    """Two lines a run, so that its name stays whole and can be copied: name, kind, status and tags; how it ended."""
    name_width, kind_width = (max(len(run[key]) for run in runs) for key in ("name", "kind"))
    lines = []
    for run in runs:
        tags = "  ".join(["", *(f"#{tag}" for tag in run["tags"])])
        lines.append(f"{run['name']:<{name_width}}  {run['kind']:<{kind_width}}  {run['status']}{tags}")
        lines.append(f"    {run['sentence']}")
    return lines


def _lines_about(run: RunFolder, state: RunState) -> list[str]:
    status, sentence = _status(run)
    lines = [f"{run.title}  ({run.kind}, {status})", f"Folder    {run.path}", f"Status    {sentence}"]
    written = read_annotations(run)
    lines += [f"Tags      {', '.join(written.tags)}"] if written.tags else []
    lines += [f"Note      {written.note}"] if written.note else []
    if state.outcome is not None and state.outcome.hint:
        lines.append(f"Hint      {state.outcome.hint}")
    if state.started_s is not None:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(state.started_s))
        lines.append(f"Started   {started}, {state.elapsed_s:.0f} s, attempt {state.attempts}, {state.device}")
    lines += [f"Stage     {_stage_line(state, index)}" for index in range(len(state.stages))]
    lines += _curve_lines(state)
    lines += [f"Made      {artifact.path}  ({artifact.size_bytes:,} bytes)" for artifact in state.artifacts]
    lines += _data_lines(state)
    figures = {name: told for name, values in state.results.items() if name != "data" and (told := _figures(values))}
    lines += [f"Result    {name}: {told}" for name, told in figures.items()]
    return lines + [f"{log.level.capitalize():<9} {log.text}" for log in state.log if log.level != "info"]


def _stage_line(state: RunState, index: int) -> str:
    span = state.stages[index]
    end_s = span.ended_s if span.ended_s is not None else state.last_event_s
    elapsed = f"{(end_s or span.started_s) - span.started_s:.0f} s"
    is_open = index == len(state.stages) - 1 and state.fraction is not None
    return f"{span.title}, {elapsed}" + (f", {state.fraction:.0%}" if is_open else "")


def _curve_lines(state: RunState) -> list[str]:
    shown = (("loss", "Loss"), ("validation_loss", "Validation"))
    values = [(title, state.curve.last(name)) for name, title in shown]
    return [f"{title:<9} {value:.4f} at step {state.step}" for title, value in values if value is not None]


def _data_lines(state: RunState) -> list[str]:
    """The datasets as the run found them, and how to see what has changed in them since."""
    used = used_data(state)
    kept = next((one for one in used if one.snapshot), None)
    lines = [f"Data      {used_in_words(one)}" for one in used]
    if kept is not None:
        command = ["arny", "data", "diff", kept.path, "--snapshot", str(kept.snapshot)]
        lines.append(f"          changes since: {shlex.join(command)}")
    return lines


def _figures(values: dict[str, Any]) -> str:
    """The plain figures of a result; tables and lists are for the JSON form."""
    plain = {key: value for key, value in values.items() if isinstance(value, int | float | str)}
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in plain.items()
    )
