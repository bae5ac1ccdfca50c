from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from arny_studio.jobs.claim import FolderInUse, Owner, RunLock, stderr_tail
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import Failed, Finished, Hello, Metric, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.processes import identity_of
from arny_studio.jobs.wire import encode_line


def write_events(folder: RunFolder, *events: Hello | Metric | Finished | Failed) -> None:
    log = EventLog(folder.events_path)
    for event in events:
        log.append(encode_line(event))
    log.close()


def write_owner(folder: RunFolder, pid: int, identity: str | None = None) -> Owner:
    owner = Owner(pid=pid, identity=identity or identity_of(pid) or "gone", kind="train")
    folder.lock_path.write_bytes(msgspec.json.encode(owner))
    return owner


@pytest.fixture
def other_process():
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process.pid
    process.kill()
    process.wait()


def test_that_a_claim_is_read_by_others_and_ends_with_its_release(run_folder: RunFolder) -> None:
    owner = run_folder.lock.take("train", detached=True)
    assert run_folder.lock.living_owner() == owner
    assert (owner.pid, owner.detached, owner.is_alive) == (os.getpid(), True, True)
    run_folder.lock.release()
    assert run_folder.lock.owner() is None
    assert not run_folder.is_running


def test_that_a_living_owner_is_never_pushed_aside(run_folder: RunFolder, other_process: int) -> None:
    write_owner(run_folder, other_process)
    with pytest.raises(FolderInUse, match=f"by process {other_process} \\(train\\)"):
        run_folder.lock.take("train", detached=False)
    assert run_folder.lock.settle() is None
    ended = run_folder.lock.record_end(Stopped(), kind="train", pid=os.getpid(), events_from=0)
    assert not ended
    assert not run_folder.events_path.exists()


def test_that_a_later_process_with_the_same_number_holds_nobody_up(run_folder: RunFolder, other_process: int) -> None:
    write_owner(run_folder, other_process, identity="another boot:123")
    assert run_folder.lock.living_owner() is None
    run_folder.lock.take("train", detached=False)


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}'])
def test_that_a_broken_lock_file_holds_nobody_up(run_folder: RunFolder, content: bytes) -> None:
    run_folder.lock_path.write_bytes(content)
    assert run_folder.lock.owner() is None
    assert run_folder.lock.take("train", detached=False).pid == os.getpid()


def test_that_taking_a_folder_closes_the_attempt_a_dead_owner_left_open(run_folder: RunFolder) -> None:
    write_events(run_folder, Hello(kind="train", pid=1), Metric(step=1))
    run_folder.stderr_path.write_text("first\nCUDA driver fell off\n")
    run_folder.lock_path.write_bytes(
        msgspec.json.encode(Owner(pid=2**22 + 1, identity="gone", kind="train", stderr_from=6))
    )
    owner = run_folder.lock.take("train", detached=False)
    failed = run_folder.events()[-1]
    assert isinstance(failed, Failed)
    assert failed.traceback == "CUDA driver fell off"
    assert owner.events_from == run_folder.events_path.stat().st_size


def test_that_an_end_is_recorded_once(run_folder: RunFolder) -> None:
    write_events(run_folder, Hello(kind="train", pid=1))
    lock = run_folder.lock
    assert lock.record_end(Stopped(), kind="train", pid=1, events_from=0)
    assert not lock.record_end(Stopped(), kind="train", pid=1, events_from=0)
    assert [type(event) for event in run_folder.events()] == [Hello, Stopped]


def test_that_a_lock_beside_an_open_log_without_owner_is_settled(run_folder: RunFolder) -> None:
    write_events(run_folder, Hello(kind="train", pid=1))
    failed = run_folder.lock.settle()
    assert failed is not None and "without a last word" in failed.sentence
    assert run_folder.lock.settle() is None


def test_that_the_tail_of_stderr_is_twenty_lines_of_anything(tmp_path: Path) -> None:
    path = tmp_path / "stderr.log"
    assert stderr_tail(path) == []
    path.write_bytes(b"\xff\n" * 5 + b"x" * 200_000 + b"\n" + b"".join(b"%d\n" % number for number in range(25)))
    assert stderr_tail(path) == [str(number) for number in range(5, 25)]
    assert stderr_tail(path, path.stat().st_size) == []


def test_that_a_lock_is_a_plain_object(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "worker.lock", tmp_path / "events.jsonl", tmp_path / "stderr.log")
    assert lock.living_owner() is None
    lock.refuse_if_in_use()
