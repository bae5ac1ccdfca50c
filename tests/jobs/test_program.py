"""Workers started by hand, without a supervisor: what they need and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from arny_studio.jobs.events import Failed, Hello, Memory, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.wire import decode_event
from tests.jobs.driving import CHILDREN, wait_until


def by_hand(name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILDREN / f"{name}.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_that_a_worker_without_a_folder_says_how_it_is_used() -> None:
    worker = by_hand("finishes")
    stdout, stderr = worker.communicate()
    assert (worker.returncode, stdout) == (2, "")
    assert stderr == "usage: python -m arny_studio.workers.train RUN_FOLDER\n"


def test_that_a_folder_without_recipe_is_refused_on_the_pipe(tmp_path: Path) -> None:
    worker = by_hand("finishes", str(tmp_path))
    stdout, _ = worker.communicate()
    hello, failed = (decode_event(line.encode(), strict=True) for line in stdout.splitlines())
    assert isinstance(hello, Hello) and isinstance(failed, Failed)
    assert (failed.kind, worker.returncode) == ("missing_file", 2)
    assert list(tmp_path.iterdir()) == []


def test_that_a_worker_is_run_by_its_command_line_alone(run_folder: RunFolder) -> None:
    worker = by_hand("finishes", str(run_folder.path))
    stdout, _ = worker.communicate()
    assert worker.returncode == 0
    assert stdout.encode() == run_folder.events_path.read_bytes()


def test_that_ctrl_c_stops_and_saves_and_a_second_one_stops_now(run_folder: RunFolder) -> None:
    worker = by_hand("obeys", str(run_folder.path), ARNY_TEST_DETACHED="1")
    wait_until(lambda: run_folder.state().step > 0, "a first step")
    worker.send_signal(signal.SIGINT)
    worker.communicate()
    last = run_folder.events()[-1]
    assert isinstance(last, Stopped) and last.summary == "Stopped, save."
    assert worker.returncode == 3


def test_that_a_stop_file_of_an_earlier_attempt_stops_nothing(run_folder: RunFolder) -> None:
    run_folder.stop_path.write_text("now")
    worker = by_hand("obeys", str(run_folder.path), ARNY_TEST_DETACHED="1")
    wait_until(lambda: run_folder.state().step > 3, "a few steps")
    run_folder.stop_path.write_text("save")
    worker.communicate()
    assert run_folder.state().outcome is not None
    assert run_folder.state().outcome.sentence == "Stopped, save."  # type: ignore[union-attr]


def test_that_the_hello_comes_before_anything_heavy(run_folder: RunFolder) -> None:
    started_s = time.time()
    by_hand("finishes", str(run_folder.path)).communicate()
    hello = run_folder.events()[0]
    assert isinstance(hello, Hello)
    assert hello.time_s - started_s < 3, "0.1 s on an idle machine"


def test_that_a_worker_says_how_much_memory_it_holds(run_folder: RunFolder) -> None:
    worker = by_hand("obeys", str(run_folder.path), ARNY_TEST_DETACHED="1")
    wait_until(lambda: run_folder.state().memory is not None, "a memory event")
    worker.terminate()
    worker.communicate()
    memories = [event for event in run_folder.events() if isinstance(event, Memory)]
    assert all(event.rss_bytes > 1 << 20 for event in memories)


def test_that_a_worker_needs_no_more_than_msgspec(run_folder: RunFolder, tmp_path: Path) -> None:
    import msgspec

    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    (bare / "arny_studio").symlink_to(Path(__file__).parents[2] / "arny_studio")
    worker = subprocess.run(
        [sys.executable, "-S", str(CHILDREN / "finishes.py"), str(run_folder.path)],
        env={**os.environ, "PYTHONPATH": str(bare), "PYTHONSAFEPATH": "1"}, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert worker.returncode == 0, worker.stderr
