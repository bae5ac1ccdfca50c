from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from arny_studio.cli import progress
from arny_studio.cli.progress import Display, LiveBars, PlainLines, Silence, display_for
from arny_studio.cli.running import run_recipe
from arny_studio.errors import ArnyError
from arny_studio.jobs.events import AnyEvent, Finished, Hello, Log, Metric, Progress, Stage, Stopped
from arny_studio.jobs.state import RunState, apply
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import TrainRecipe
from tests.jobs.driving import CHILDREN, child, wait_until

ROOT = Path(__file__).parents[2]
RECIPE = TrainRecipe(title="From the terminal", base="base", train_data="train.jsonl")


def test_that_a_run_is_made_in_the_workspace_and_followed_to_its_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[AnyEvent] = []
    outcome, run = run_recipe("train", RECIPE, workspace=tmp_path, program=child("finishes"), on_event=heard.append)
    assert (outcome.kind, outcome.exit_code) == ("finished", 0)
    assert run.path.parent == tmp_path / "runs"
    assert heard == run.events()
    out, err = capfd.readouterr()
    assert out == ""
    assert re.search(r"^ +0:\d\d  Working$", err, re.MULTILINE)
    assert "5/5 steps" in err and "loss 0.2" in err
    assert err.endswith("Five steps done.\n")


def test_that_json_lines_are_the_events_and_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, run = run_recipe("train", RECIPE, workspace=tmp_path, program=child("finishes"), as_json=True)
    out, err = capfd.readouterr()
    assert out.encode() == run.events_path.read_bytes()
    assert err == ""


def test_that_a_failure_is_a_sentence_a_hint_and_the_place_of_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARNY_TEST_FAILURE", "recipe")
    outcome, run = run_recipe("train", RECIPE, workspace=tmp_path, program=child("fails"), quiet=True)
    assert outcome.exit_code == 2
    err = capfd.readouterr().err.splitlines()
    assert err == ["Failed: Key 'lr' is not known.", "Did you mean 'learning_rate'?", f"Log: {run.stderr_path}"]


def test_that_a_run_is_resumed_on_its_folder(tmp_path: Path) -> None:
    _, run = run_recipe("train", RECIPE, workspace=tmp_path, program=child("resumes"), quiet=True)
    outcome, again = run_recipe("train", RECIPE, folder=run, program=child("resumes"), quiet=True)
    assert again is run
    assert (outcome.kind, run.state().attempts) == ("finished", 2)


def test_that_a_python_that_is_not_there_or_is_none_is_refused_before_a_run_is_made(tmp_path: Path) -> None:
    for python, sentence in (("/nowhere/python", "There is no Python at"), ("ls", "is not a Python 3 interpreter")):
        with pytest.raises(ArnyError, match=sentence):
            run_recipe("train", RECIPE, workspace=tmp_path, python=python, quiet=True)
    assert list(tmp_path.iterdir()) == []


IN_A_TERMINAL = """
import sys
from pathlib import Path
from arny_studio.cli.running import run_recipe
from arny_studio.recipe import TrainRecipe
recipe = TrainRecipe(base="base", train_data="train.jsonl")
outcome, _ = run_recipe("train", recipe, workspace=Path(sys.argv[1]), program=[sys.argv[2]], as_json="json" in sys.argv)
sys.exit(outcome.exit_code)
"""


def command(workspace: Path, name: str, *more: str) -> list[str]:
    return [sys.executable, "-c", IN_A_TERMINAL, str(workspace), str(CHILDREN / f"{name}.py"), *more]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"}


def has_begun(workspace: Path) -> bool:
    runs = Workspace(workspace).runs_by_time()
    return bool(runs) and runs[0].state().step > 0


@pytest.mark.parametrize(
    ("name", "presses", "sentence", "exit_code"),
    [("obeys", 1, "Stopped, save.", 3), ("stubborn", 2, "Stopped, now.", 3), ("deaf", 3, "ended by SIGKILL.", 3)],
)
def test_that_ctrl_c_saves_twice_stops_now_and_thrice_kills(
    name: str, presses: int, sentence: str, exit_code: int, tmp_path: Path
) -> None:
    process = subprocess.Popen(command(tmp_path, name), env=environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    wait_until(lambda: has_begun(tmp_path), "the first step")
    heard = ""
    for said in ("Stopping after saving. Press Ctrl-C again", "Stopping now.", "")[:presses]:
        process.send_signal(signal.SIGINT)
        while said not in heard:
            heard += process.stderr.readline()
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == exit_code
    assert sentence in heard + rest
    last = Workspace(tmp_path).runs_by_time()[0].events()[-1]
    assert isinstance(last, Stopped)


def test_that_a_reader_of_the_json_lines_that_leaves_does_not_end_the_run(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(tmp_path, "chatters", "json"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    first = json.loads(process.stdout.readline())
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), first["type"], stderr) == (0, "hello", b"")
    assert Workspace(tmp_path).runs_by_time()[0].state().outcome is not None


def test_that_a_terminal_sees_a_bar_with_its_figures(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command(tmp_path, "finishes"), env=environment(), stderr=theirs, stdout=theirs)
    os.close(theirs)
    seen = b""
    while chunk := _read(ours):
        seen += chunk
    os.close(ours)
    assert process.wait(timeout=60) == 0
    text = seen.decode()
    assert "Working" in text and "━" in text
    assert "5/5 steps" in text and "loss 0.2000" in text
    assert text.rstrip().endswith("Five steps done.")


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 10_000)
    except OSError:  # Linux ends a terminal whose other side is closed with EIO
        return b""


STORY: list[AnyEvent] = [
    Progress(done=1),
    Hello(kind="train", pid=1),
    Metric(step=1, loss=9.0),
    Stage(name="load", title="Load [base]", index=1, total=2),
    Log(text="[bold]not markup[/bold]"),
    Log(text="Memory is short.", level="warning"),
    Progress(done=3),
    Stage(name="train", title="Train", index=2, total=2),
    Progress(done=1200, total=2400, unit="steps"),
    Metric(step=1200, loss=0.5, validation_loss=0.75, tokens_per_s=1234.0),
    Progress(done=1300, total=2400, unit="steps"),
    Finished(summary="Done."),
]


def told(display: Display, story: list[AnyEvent]) -> None:
    state = RunState()
    with display:
        for event in story:
            state = apply(state, event)
            display.show(event, state)
        display.say("Said [aside].")


def test_that_plain_lines_tell_stages_warnings_and_the_last_progress() -> None:
    out = io.StringIO()
    told(PlainLines(Console(file=out, width=200)), STORY)
    lines = [line.strip().partition("  ")[2].strip() for line in out.getvalue().splitlines()]
    assert lines == [
        "1",
        "Load [base] (1/2)",
        "[bold]not markup[/bold]",
        "warning: Memory is short.",
        "3  loss 9.0000",
        "Train (2/2)",
        "1,200/2,400 steps  loss 9.0000",
        "1,300/2,400 steps  loss 0.5000  validation 0.7500  1,234 tok/s",
        "Said [aside].",
    ]


def test_that_bytes_are_told_with_their_speed_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_PERIOD_S", 0.0)
    out = io.StringIO()
    story: list[AnyEvent] = [
        Stage(name="f16", title="Write F16", index=1, total=2, time_s=10.0),
        Progress(done=1 << 20, total=128 << 20, unit="bytes", time_s=10.5),
        Progress(done=64 << 20, total=128 << 20, unit="bytes", time_s=12.0),
        Progress(done=128 << 20, total=128 << 20, unit="bytes", time_s=14.0),
    ]
    told(PlainLines(Console(file=out, width=200)), story)
    lines = [line.strip().partition("  ")[2].strip() for line in out.getvalue().splitlines()]
    assert lines[1:4] == ["1.0/128.0 MiB", "64.0/128.0 MiB  32 MiB/s  2 s left", "128.0/128.0 MiB  32 MiB/s"]


def test_that_live_bars_show_the_same_story() -> None:
    out = io.StringIO()
    told(LiveBars(Console(file=out, width=200, force_terminal=True)), STORY)
    text = out.getvalue()
    for said in (
        "Load [base] (1/2)",
        "[bold]not markup[/bold]",
        "Memory is short.",
        "1,300/2,400 steps",
        "Said [aside].",
    ):
        assert said in text
    assert "loss 0.5000  validation 0.7500  1,234 tok/s" in text


def test_that_silence_says_only_what_it_must(capsys: pytest.CaptureFixture[str]) -> None:
    told(Silence(), STORY)
    assert capsys.readouterr() == ("", "Said [aside].\n")


def test_that_the_display_follows_the_console() -> None:
    assert isinstance(display_for(as_json=False, quiet=False, console=Console(file=io.StringIO())), PlainLines)
    terminal = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(display_for(as_json=False, quiet=False, console=terminal), LiveBars)
