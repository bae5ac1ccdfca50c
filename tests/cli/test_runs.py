from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from arny_studio.cli.runs import app
from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import AnyEvent, Artifact, Failed, Finished, Hello, Log, Metric, Progress, Stage
from arny_studio.jobs.events import Result as ResultEvent
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.wire import encode_line
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import TrainRecipe
from tests.jobs.driving import is_alive, start_supervising, wait_until


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def invoke(workspace: Workspace, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, [*arguments, "--workspace", str(workspace.root)], catch_exceptions=False, env={"COLUMNS": "200"}
    )


def run_with(workspace: Workspace, title: str, *events: AnyEvent) -> RunFolder:
    run = workspace.new_run("train", TrainRecipe(title=title, base="base", train_data="train.jsonl"))
    if events:
        log = EventLog(run.events_path)
        for event in events:
            log.append(encode_line(event))
        log.close()
    return run


HELLO = Hello(kind="train", pid=2**22 + 1, time_s=100.0)
DATA = {
    "rows.jsonl": {
        "path": "/my data/rows.jsonl", "content_hash": "0123456789abcdef" * 2, "snapshot": "20261123-101500"
    },
    "odd.jsonl": {"path": 7},
}  # fmt: skip


def test_that_an_empty_workspace_says_so(workspace: Workspace) -> None:
    assert invoke(workspace, "list").output == "There are no runs yet.\n"
    assert json.loads(invoke(workspace, "list", "--json").output) == []


def test_that_runs_are_listed_with_how_they_ended(workspace: Workspace) -> None:
    run_with(workspace, "new")
    run_with(workspace, "done", HELLO, Finished(summary="All [done]."))
    run_with(workspace, "torn", HELLO)
    run_with(workspace, "failed", HELLO, Failed(kind="bug", sentence="It broke."))
    listed = json.loads(invoke(workspace, "list", "--json").output)
    assert {row["title"]: (row["status"], row["sentence"]) for row in listed} == {
        "new": ("new", "Not started yet."),
        "done": ("finished", "All [done]."),
        "torn": ("interrupted", "Its worker ended without a last word."),
        "failed": ("failed", "It broke."),
    }
    table = invoke(workspace, "list").output
    assert "All [done]." in table and "interrupted" in table
    assert len(json.loads(invoke(workspace, "list", "--json", "--limit", "2").output)) == 2


def test_that_a_run_is_shown_with_what_it_did_and_made(workspace: Workspace) -> None:
    run_with(
        workspace, "shown", HELLO, Stage(name="train", title="Train", index=1, total=1, time_s=101.0),
        Progress(done=1, total=4, time_s=105.0), Metric(step=7, loss=0.25, time_s=110.0),
        Artifact(kind="adapter", path="outputs/adapter", size_bytes=1234, time_s=111.0),
        ResultEvent(name="scores", values={"f1": 0.512345, "rows": 9, "table": [1]}, time_s=111.0),
        ResultEvent(name="data", values=DATA, time_s=111.0),
        Log(text="fine", time_s=111.0), Log(text="hot", level="warning", time_s=111.0),
        Failed(kind="disk_full", sentence="No room.", hint="Free some.", time_s=112.0),
    )  # fmt: skip
    output = invoke(workspace, "show", "latest").output
    for line in (
        "shown  (train, failed)", "Status    No room.", "Hint      Free some.", ", 12 s, attempt 1, cpu",
        "Stage     Train, 11 s, 25%", "Loss      0.2500 at step 7", "Made      outputs/adapter  (1,234 bytes)",
        "Result    scores: f1 0.5123, rows 9", "Warning   hot",
        "Data      rows.jsonl · 0123456789ab · snapshot 20261123-101500",
        "changes since: arny data diff '/my data/rows.jsonl' --snapshot 20261123-101500",
    ):  # fmt: skip
        assert line in output
    assert "fine" not in output and "Validation" not in output and "Result    data" not in output
    raw = json.loads(invoke(workspace, "show", "latest", "--json").output)
    assert raw["state"]["curve"]["loss"] == [0.25]
    assert raw["status"] == "failed"


def test_that_a_run_never_started_is_shown_too(workspace: Workspace) -> None:
    run = run_with(workspace, "fresh")
    assert "fresh  (train, new)" in invoke(workspace, "show", run.name).output


def test_that_a_run_that_is_not_there_is_a_sentence(workspace: Workspace) -> None:
    with pytest.raises(MissingFile, match="There is no run 'nothing'"):
        invoke(workspace, "show", "nothing")


def test_that_stopping_a_run_that_is_not_going_on_is_a_sentence(workspace: Workspace) -> None:
    run_with(workspace, "done", HELLO, Finished())
    with pytest.raises(BadInput, match="is not going on"):
        invoke(workspace, "stop", "latest")


@pytest.fixture
def going_on(workspace: Workspace):
    """A detached run whose starter was killed."""
    run = run_with(workspace, "going on")
    supervisor = start_supervising(run, "obeys", ARNY_TEST_DETACHED="1")
    owner = run.lock.living_owner()
    assert owner is not None
    supervisor.kill()
    supervisor.communicate()
    yield run, owner.pid
    if is_alive(owner.pid):
        os.kill(owner.pid, signal.SIGKILL)


@pytest.mark.parametrize(("option", "sentence"), [([], "Stopped, save."), (["--now"], "Stopped, now.")])
def test_that_a_run_is_stopped_from_another_program(
    workspace: Workspace, going_on: tuple[RunFolder, int], option: list[str], sentence: str
) -> None:
    _, pid = going_on
    (row,) = json.loads(invoke(workspace, "list", "--json").output)
    assert (row["status"], row["sentence"]) == ("running", f"Process {pid}.")
    result = invoke(workspace, "stop", "latest", *option)
    assert (result.exit_code, result.output) == (0, sentence + "\n")
    assert not is_alive(pid)


def test_that_showing_a_run_whose_worker_died_unseen_writes_its_end(
    workspace: Workspace, going_on: tuple[RunFolder, int]
) -> None:
    run, pid = going_on
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), "its death")
    assert "train, failed" in invoke(workspace, "show", run.name).output
    assert isinstance(run.events()[-1], Failed)
