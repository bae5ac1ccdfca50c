"""Workers whose starter is gone: interactive ones end, detached ones go on and are found again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from arny_studio.errors import BadInput
from arny_studio.jobs.commands import Ask
from arny_studio.jobs.events import AnyEvent, Failed, Metric, Stopped, Terminal
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.job import Job
from arny_studio.jobs.program import ORPHAN_END_S, ORPHAN_GRACE_S
from arny_studio.jobs.supervisor import Grace, adopt_job
from tests.jobs.driving import drive, heard, is_alive, start_supervising, wait_until


def orphan(folder: RunFolder, name: str, **environment: str) -> int:
    """Start a worker under a supervisor, kill the supervisor with SIGKILL; gives the worker's pid."""
    supervisor = start_supervising(folder, name, **environment)
    owner = folder.lock.living_owner()
    assert owner is not None
    supervisor.kill()
    supervisor.communicate()
    return owner.pid


def last_events(folder: RunFolder) -> list[AnyEvent]:
    return [event for event in folder.events() if isinstance(event, Terminal)]


def test_that_an_interactive_worker_ends_when_its_starter_is_killed(run_folder: RunFolder) -> None:
    pid = orphan(run_folder, "obeys")
    wait_until(lambda: not is_alive(pid), "the end of the orphan")
    (last,) = last_events(run_folder)
    assert isinstance(last, Stopped) and last.summary == "Stopped, now."


def test_that_an_interactive_worker_that_does_not_listen_ends_all_the_same(run_folder: RunFolder) -> None:
    pid = orphan(run_folder, "ignores")
    wait_until(lambda: not is_alive(pid), "the end of the orphan")
    (last,) = last_events(run_folder)
    assert isinstance(last, Stopped) and last.summary == "The program that started this worker is gone."
    assert not run_folder.is_running


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_that_the_kernel_ends_an_orphan_whose_interpreter_is_stuck_in_a_library(run_folder: RunFolder) -> None:
    pid = orphan(run_folder, "holds_interpreter")
    wait_until(lambda: not is_alive(pid), "the end of the orphan")
    assert last_events(run_folder) == []  # nobody was there to say it
    run_folder.lock.settle()
    assert [type(event) for event in last_events(run_folder)] == [Failed]


def test_that_an_orphans_end_is_sure_within_two_seconds() -> None:
    assert ORPHAN_GRACE_S < ORPHAN_END_S < 2


def test_that_an_orphan_leaves_no_grandchild(run_folder: RunFolder) -> None:
    pid = orphan(run_folder, "ignores", ARNY_TEST_GRANDCHILD="1")
    grandchild = int((run_folder.outputs / "grandchild").read_text())
    assert is_alive(grandchild)
    wait_until(lambda: not is_alive(pid) and not is_alive(grandchild), "the end of both")


@pytest.fixture
def detached_pid(run_folder: RunFolder):
    pid = orphan(run_folder, "obeys", ARNY_TEST_DETACHED="1")
    yield pid
    if is_alive(pid):
        os.kill(pid, signal.SIGKILL)


def test_that_a_detached_worker_goes_on_without_its_starter_and_is_adopted(
    run_folder: RunFolder, detached_pid: int
) -> None:
    steps_before = run_folder.state().step
    wait_until(lambda: run_folder.state().step > steps_before + 5, "more steps")
    seen: list[AnyEvent] = []

    async def work() -> Job:
        job = await adopt_job(run_folder, on_event=seen.append)
        assert job is not None
        assert (job.pid, job.kind, job.is_detached) == (detached_pid, "train", True)
        known = job.state.step
        assert known > steps_before
        first = await heard(job, Metric)
        assert first.step == known + 1, "nothing is heard twice and nothing is missed"
        assert not await job.send(Ask(request="r", query="?")), "an adopted worker hears no commands"
        await job.stop("save")
        outcome = await job.wait()
        assert (outcome.kind, outcome.sentence) == ("stopped", "Stopped, save.")
        return job

    job = drive(work())
    assert job.state == run_folder.state()
    assert len(last_events(run_folder)) == 1
    assert isinstance(seen[-1], Stopped)
    assert not is_alive(detached_pid)


def test_that_an_adopted_worker_can_be_told_to_stop_now(run_folder: RunFolder, detached_pid: int) -> None:
    async def work() -> str:
        job = await adopt_job(run_folder)
        assert job is not None
        await job.stop("now")
        return (await job.wait()).sentence

    assert drive(work()) == "Stopped, now."


def test_that_a_stop_file_alone_stops_a_detached_worker(run_folder: RunFolder, detached_pid: int) -> None:
    run_folder.stop_path.write_text("save")
    wait_until(lambda: not is_alive(detached_pid), "the end of the worker")
    (last,) = last_events(run_folder)
    assert isinstance(last, Stopped) and last.summary == "Stopped, save."


def test_that_the_adopter_writes_the_last_event_of_a_worker_that_dies_under_its_eyes(
    run_folder: RunFolder, detached_pid: int
) -> None:
    async def work() -> None:
        jobs = [await adopt_job(run_folder), await adopt_job(RunFolder(run_folder.path))]
        os.kill(detached_pid, signal.SIGKILL)
        for job in jobs:
            assert job is not None
            assert "without a last word" in (await job.wait()).sentence

    drive(work())
    assert [type(event) for event in last_events(run_folder)] == [Failed], "two adopters write it once"


def test_that_the_last_event_of_a_worker_that_died_unseen_is_written_by_whoever_looks(
    run_folder: RunFolder, detached_pid: int
) -> None:
    os.kill(detached_pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(detached_pid), "its death")
    for _ in range(2):
        assert drive(adopt_job(run_folder)) is None
    assert [type(event) for event in last_events(run_folder)] == [Failed]
    assert run_folder.state().outcome is not None


def test_that_an_adopted_worker_that_ignores_every_wish_is_killed_and_counts_as_stopped(run_folder: RunFolder) -> None:
    pid = orphan(run_folder, "ignores", ARNY_TEST_DETACHED="1")

    async def work() -> str:
        job = await adopt_job(run_folder)
        assert job is not None
        await job.stop("now", grace=Grace(message_s=0.1, terminate_s=0.1))
        return (await job.wait()).sentence

    assert drive(work()).startswith("The worker did not follow the wish to stop")
    assert not is_alive(pid)
    assert [type(event) for event in last_events(run_folder)] == [Stopped]


def test_that_a_log_of_another_protocol_ends_the_following_with_its_sentence(
    run_folder: RunFolder, detached_pid: int
) -> None:
    async def work() -> None:
        job = await adopt_job(run_folder)
        assert job is not None
        with run_folder.events_path.open("ab") as log:
            log.write(b'{"type":"hello","protocol":9}\n')
        with pytest.raises(BadInput, match="speaks protocol 9"):
            await job.wait()

    drive(work())


def test_that_a_run_nobody_ever_worked_on_is_not_adopted_and_stays_untouched(run_folder: RunFolder) -> None:
    assert drive(adopt_job(run_folder)) is None
    assert not run_folder.events_path.exists()


def test_that_an_app_that_leaves_an_adopted_run_lets_it_go_on(run_folder: RunFolder, detached_pid: int) -> None:
    async def work() -> None:
        job = await adopt_job(run_folder)
        assert job is not None
        await job.leave()
        with pytest.raises(asyncio.CancelledError):
            await job.wait()

    drive(work())
    assert is_alive(detached_pid)


def test_that_a_detached_worker_outlives_an_app_that_ends_in_an_orderly_way(run_folder: RunFolder) -> None:
    supervisor = start_supervising(run_folder, "obeys", "leave", ARNY_TEST_DETACHED="1")
    supervisor.communicate("now leave\n")
    assert supervisor.returncode == 0
    owner = run_folder.lock.living_owner()
    assert owner is not None and owner.detached
    os.kill(owner.pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(owner.pid), "its end")
    assert [type(event) for event in last_events(run_folder)] == [Stopped]


def test_that_a_detached_worker_whose_reader_sleeps_goes_on(run_folder: RunFolder) -> None:
    supervisor = start_supervising(run_folder, "obeys", ARNY_TEST_DETACHED="1", ARNY_TEST_CHATTY="1")
    owner = run_folder.lock.living_owner()
    assert owner is not None
    supervisor.send_signal(signal.SIGSTOP)
    try:
        size = run_folder.events_path.stat().st_size
        wait_until(lambda: run_folder.events_path.stat().st_size > size + (4 << 20), "a log beyond any pipe's buffer")
    finally:
        os.kill(owner.pid, signal.SIGTERM)
        wait_until(lambda: not is_alive(owner.pid), "its end")
        supervisor.kill()
        supervisor.communicate()
    assert [type(event) for event in last_events(run_folder)] == [Stopped]
