"""`arny runs compare`, `tag` and `note`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arny_studio.cli.compare import sparkline
from arny_studio.cli.main import app
from arny_studio.errors import BadInput
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import Hello, Metric
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.wire import encode_line
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import TrainRecipe


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def invoke(workspace: Workspace, *arguments: str) -> str:
    result = CliRunner().invoke(
        app, ["runs", *arguments, "-w", str(workspace.root)], catch_exceptions=False, env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    return result.output


def trained(workspace: Workspace, title: str, last_loss: float, **fields: object) -> RunFolder:
    run = workspace.new_run("train", TrainRecipe(title=title, base="b", train_data="d.jsonl", **fields))
    log = EventLog(run.events_path)
    for event in (Hello(kind="train", pid=1), *(Metric(step=n, loss=last_loss + 3 - n) for n in (1, 2, 3))):
        log.append(encode_line(event))
    log.close()
    return run


def test_that_runs_stand_side_by_side_with_only_their_differences(workspace: Workspace):
    one, two = trained(workspace, "one", 2.0), trained(workspace, "two", 1.0, learning_rate=5e-4)
    said = invoke(workspace, "compare", one.name, two.name)
    assert "learning_rate" in said
    assert "batch_size" not in said
    assert "Data: no difference." in said
    assert "1 █▅▁" in said
    found = json.loads(invoke(workspace, "compare", one.name, two.name, "--json"))
    loss = next(row for row in found["metrics"] if row["name"] == "loss")
    assert (loss["values"], loss["best"]) == ([2.0, 1.0], 1)
    with pytest.raises(BadInput, match="One run alone"):
        invoke(workspace, "compare", one.name)


def test_that_tags_and_notes_are_kept_in_the_run_and_shown(workspace: Workspace):
    run = trained(workspace, "one", 2.0)
    assert invoke(workspace, "tag", run.name, "baseline", "t4").strip() == "baseline, t4"
    assert invoke(workspace, "tag", run.name, "--drop", "t4").strip() == "baseline"
    invoke(workspace, "note", run.name, "as in the [paper]")
    assert invoke(workspace, "note", run.name).strip() == "as in the [paper]"
    assert "baseline" in invoke(workspace, "list")
    assert "as in the [paper]" in invoke(workspace, "show", run.name)


def test_that_a_sparkline_goes_from_its_least_to_its_greatest_value():
    assert sparkline([1.0, 2.0, 8.0]) == "▁▂█"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([]) == ""
