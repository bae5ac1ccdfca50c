"""Real workers, each ending in its own way, and what is known about them afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.commands import Ask, Stop
from arny_studio.jobs.events import (
    AnyEvent,
    Checkpoint,
    Failed,
    Finished,
    Hello,
    Log,
    Metric,
    Progress,
    Stopped,
    Terminal,
    Token,
)
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.supervisor import Grace, Job, start_job
from arny_studio.jobs.wire import decode_event
from tests.jobs.driving import child, drive, expect, heard, is_alive, run_to_end, wait_until

OUT_OF_MEMORY_HINT = "Close other programs, or choose a smaller model, batch or context."
QUICK = Grace(message_s=0.1, terminate_s=0.1)


def last_events(folder: RunFolder) -> list[AnyEvent]:
    return [event for event in folder.events() if isinstance(event, Terminal)]


def test_that_a_worker_that_finishes_is_heard_in_order_and_written_down(run_folder: RunFolder) -> None:
    outcome, job, events = run_to_end("finishes", run_folder)
    assert (outcome.kind, outcome.sentence, outcome.exit_code) == ("finished", "Five steps done.", 0)
    assert isinstance(events[0], Hello) and isinstance(events[-1], Finished)
    assert events == run_folder.events() == [
        decode_event(line, strict=True) for line in run_folder.events_path.read_bytes().splitlines()
    ]  # fmt: skip
    assert job.state == run_folder.state()
    assert [step for step, _ in job.state.curve.points("loss")] == [1, 2, 3, 4, 5]
    assert not job.is_running and not run_folder.is_running


def test_that_the_hello_comes_with_the_versions_and_the_pid_of_the_child(run_folder: RunFolder) -> None:
    _, job, events = run_to_end("finishes", run_folder)
    hello = events[0]
    assert isinstance(hello, Hello)
    assert (hello.pid, hello.kind) == (job.pid, "train")
    assert hello.versions.keys() >= {"python", "msgspec"}


FAILURES = {
    "recipe": ("bad_input", "Key 'lr' is not known.", "Did you mean 'learning_rate'?", 2),
    "cap": ("memory_cap", "Tier-2 does not fit under the cap.", "", 1),
    "memory": ("out_of_memory", "There was not enough memory.", "Close other programs", 1),
    "torch_memory": ("out_of_memory", "There was not enough memory.", "Close other programs", 1),
    "missing": ("missing_file", "There is no such file: ", "", 1),
    "module": ("missing_extra", "The library no_such_library_anywhere is not installed for ", "Install ", 1),
    "disk": ("disk_full", "There is no room left on the disk for ", "Free some space", 1),
    "nothing": ("bug", "Something inside the worker broke: TypeError: main returned None", "This is a fault", 1),
    "exit": ("bug", "Something inside the worker broke: SystemExit: 7", "This is a fault", 1),
    "bug": ("bug", "Something inside the worker broke: ZeroDivisionError: the bug", "This is a fault", 1),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_that_a_failing_worker_says_what_kind_of_failure_in_one_sentence(
    failure: str, run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARNY_TEST_FAILURE", failure)
    outcome, _, _ = run_to_end("fails", run_folder)
    kind, sentence, hint, exit_code = FAILURES[failure]
    assert (outcome.kind, outcome.failure, outcome.exit_code) == ("failed", kind, exit_code)
    assert outcome.sentence.startswith(sentence) and outcome.hint.startswith(hint)
    assert "Traceback" in outcome.details
    assert "Traceback" in run_folder.stderr_path.read_text()
    assert len(last_events(run_folder)) == 1


@pytest.mark.parametrize(
    ("name", "failure", "sentence"),
    [
        ("SIGSEGV", "library", "The worker crashed with SIGSEGV"),
        ("SIGABRT", "library", "The worker crashed with SIGABRT"),
        ("SIGKILL", "out_of_memory", "The worker was killed (SIGKILL): probably out of memory."),
    ],
)
def test_that_a_killed_worker_ends_its_run_with_the_signal_and_the_last_stderr_lines(
    name: str, failure: str, sentence: str, run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARNY_TEST_SIGNAL", name)
    outcome, job, events = run_to_end("crashes", run_folder)
    assert (outcome.failure, outcome.exit_code) == (failure, 1)
    assert outcome.sentence.startswith(sentence)
    assert outcome.hint == ("Its last line was: line 29" if failure == "library" else OUT_OF_MEMORY_HINT)
    lines = outcome.details.splitlines()
    assert 10 < len(lines) <= 20 and "line 29" in lines
    assert ("crashes.py" in outcome.details) == (failure == "library"), "the frame that crashed is named"
    assert last_events(run_folder) == [events[-1]]
    assert job.state == run_folder.state()
    assert not run_folder.is_running


def test_that_the_stderr_of_an_earlier_attempt_is_not_blamed_for_this_one(
    run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder.stderr_path.write_text("old trouble\n" * 3)
    outcome, _, _ = run_to_end("dies_early", run_folder)
    assert outcome.details == "ModuleNotFoundError: No module named 'msgspec'"


def test_that_a_worker_that_dies_before_its_hello_still_leaves_a_whole_log(run_folder: RunFolder) -> None:
    outcome, job, events = run_to_end("dies_early", run_folder)
    assert outcome.sentence == "The worker ended with exit code 1 without saying why."
    assert outcome.hint == "Its last line was: ModuleNotFoundError: No module named 'msgspec'"
    hello, failed = run_folder.events()
    assert isinstance(hello, Hello) and isinstance(failed, Failed)
    assert hello.pid == job.pid
    assert events == [failed]


def test_that_a_stopped_worker_saves_and_its_run_can_be_resumed(run_folder: RunFolder) -> None:
    async def stop(job: Job) -> None:
        await heard(job, Metric)
        await job.stop("save")

    outcome, _, _ = run_to_end("obeys", run_folder, stop)
    assert (outcome.kind, outcome.sentence, outcome.exit_code) == ("stopped", "Stopped, save.", 3)
    assert outcome.resumable


def test_that_a_wish_to_stop_now_is_told_so_even_after_one_to_save(run_folder: RunFolder) -> None:
    async def stop(job: Job) -> None:
        await heard(job, Metric)
        await job.stop("now")
        await job.stop("now")

    outcome, _, _ = run_to_end("obeys", run_folder, stop)
    assert outcome.sentence == "Stopped, now."


def test_that_commands_reach_the_worker_in_order_and_bad_ones_are_reported(run_folder: RunFolder) -> None:
    async def talk(job: Job) -> None:
        await heard(job, Metric)
        assert job._worker is not None
        os.write(job._worker._stdin.fileno(), b"gibberish\n")  # type: ignore[attr-defined]
        last_reply = expect(job, Token, lambda token: token.request == "2")
        for number in range(3):
            assert await job.send(Ask(request=str(number), query="hello" * 5000))
        await last_reply
        await job.send(Stop(mode="now"))

    outcome, _job, events = run_to_end("obeys", run_folder, talk)
    replies = [event for event in events if isinstance(event, Token)]
    assert [reply.request for reply in replies] == ["0", "1", "2"]
    assert replies[0].text == "HELLO" * 5000
    assert any(isinstance(event, Log) and "Not a command: gibberish" in event.text for event in events)
    assert outcome.kind == "stopped"


def test_that_a_dead_worker_hears_nothing(run_folder: RunFolder) -> None:
    async def work() -> None:
        job = await start_job("train", run_folder, program=child("finishes"))
        await job.wait()
        assert not await job.send(Stop())
        await job.stop()
        assert (await job.wait()).kind == "finished"

    drive(work())


def test_that_a_worker_that_ignores_every_wish_is_killed_and_counts_as_stopped(run_folder: RunFolder) -> None:
    async def stop(job: Job) -> None:
        await heard(job, Progress)
        await job.stop("save", grace=QUICK)

    outcome, job, _ = run_to_end("ignores", run_folder, stop)
    assert (outcome.kind, outcome.resumable) == ("stopped", True)
    assert outcome.sentence == "The worker did not follow the wish to stop and was ended by SIGKILL."
    assert [type(event) for event in last_events(run_folder)] == [Stopped]
    assert job.pid is not None and not is_alive(job.pid)


def test_that_a_kill_from_elsewhere_is_not_taken_for_our_own(run_folder: RunFolder) -> None:
    async def stop(job: Job) -> None:
        await heard(job, Progress)
        await job.stop("save")  # the long grace: no signal of ours has been sent yet
        assert job.pid is not None
        os.kill(job.pid, signal.SIGKILL)

    outcome, _, _ = run_to_end("ignores", run_folder, stop)
    assert outcome.failure == "out_of_memory"


def test_that_sigterm_means_stop_and_save(run_folder: RunFolder) -> None:
    async def stop(job: Job) -> None:
        await heard(job, Metric)
        assert job.pid is not None
        os.kill(job.pid, signal.SIGTERM)

    assert run_to_end("obeys", run_folder, stop)[0].sentence == "Stopped, save."


def test_that_noise_on_stdout_ends_in_the_stderr_log_and_never_between_the_events(run_folder: RunFolder) -> None:
    outcome, _, events = run_to_end("noisy", run_folder)
    assert outcome.sentence == "Heard through the noise."
    stderr = run_folder.stderr_path.read_text()
    for source in ("os.write", "printf", "python", "a child"):
        assert f"noise by {source}" in stderr
    assert [event.text for event in events if isinstance(event, Log)] == ["stdin gave ''"]


def test_that_two_hundred_lines_of_150_kb_arrive_whole(run_folder: RunFolder) -> None:
    outcome, _, events = run_to_end("chatters", run_folder)
    logs = [event for event in events if isinstance(event, Log)]
    assert outcome.kind == "finished"
    assert [log.text.partition(":")[0] for log in logs] == [str(number) for number in range(200)]
    assert {len(log.text.partition(":")[2]) for log in logs} == {75_000}


def pids_told(events: list[AnyEvent]) -> list[int]:
    return [int(pid) for event in events if isinstance(event, Log) for pid in event.text.split()]


def test_that_no_grandchild_outlives_a_worker_that_finished(run_folder: RunFolder) -> None:
    outcome, _, events = run_to_end("parents", run_folder)
    assert outcome.kind == "finished"
    assert len(pids_told(events)) == 2
    wait_until(lambda: not any(map(is_alive, pids_told(events))), "the end of the grandchildren")


def test_that_no_grandchild_outlives_a_worker_that_was_killed(
    run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARNY_TEST_WAIT", "1")

    async def kill(job: Job) -> None:
        await heard(job, Log)
        assert job.pid is not None
        os.kill(job.pid, signal.SIGKILL)

    _, _, events = run_to_end("parents", run_folder, kill)
    wait_until(lambda: not any(map(is_alive, pids_told(events))), "the end of the grandchildren")


def test_that_numbers_that_are_not_finite_leave_gaps_and_one_warning_each(run_folder: RunFolder) -> None:
    outcome, job, events = run_to_end("not_finite", run_folder, kind="evaluate")
    metrics = [event for event in events if isinstance(event, Metric)]
    assert [metric.loss for metric in metrics] == [None, None, 0.5]
    assert (metrics[1].epoch, metrics[1].learning_rate) == (0.0, 0.1)
    warnings = [event.text for event in events if isinstance(event, Log) and event.level == "warning"]
    assert warnings == [
        "Not a finite number at step 1: loss = nan, gradient_norm = inf. The curve shows a gap.",
        "Not a finite number at step 2: epoch = nan. The curve shows a gap.",
        "Not a finite number at step 3: tokens_per_s = -inf. The curve shows a gap.",
    ]
    assert outcome.exit_code == 4
    assert b"NaN" not in run_folder.events_path.read_bytes()
    assert list(job.state.curve.points("loss")) == [(3, 0.5)]


def test_that_a_last_event_out_of_turn_is_refused(run_folder: RunFolder) -> None:
    _, _, events = run_to_end("not_finite", run_folder, kind="evaluate")
    assert any(isinstance(event, Log) and "Finished is returned by the worker's main" in event.text for event in events)
    assert len(last_events(run_folder)) == 1


def test_that_a_full_disk_during_the_work_is_one_sentence(
    run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARNY_TEST_LIMIT", "200000")
    outcome, _, _ = run_to_end("fills_disk", run_folder)
    assert (outcome.failure, outcome.exit_code) == ("disk_full", 1)
    assert outcome.sentence == "There is no room left on the disk."


def test_that_a_log_that_cannot_grow_ends_the_run_and_holds_whole_lines_only(
    run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARNY_TEST_LIMIT", "200000")
    monkeypatch.setenv("ARNY_TEST_LOG", "1")
    outcome, _, events = run_to_end("fills_disk", run_folder)
    assert outcome.failure == "disk_full"
    assert "There is no room left to write" in outcome.sentence
    raw = run_folder.events_path.read_bytes()
    assert raw.endswith(b"\n")
    lines = raw.splitlines()
    assert [json.loads(line)["type"] for line in lines[1:]] == ["log"] * (len(lines) - 1)
    assert len(events) > len(lines), "the pipe carried what the log could not"


def test_that_a_run_goes_on_where_it_was_and_its_state_knows_both_attempts(run_folder: RunFolder) -> None:
    first, _, _ = run_to_end("resumes", run_folder)
    assert (first.kind, first.resumable) == ("stopped", True)
    second, job, events = run_to_end("resumes", run_folder)
    assert second.kind == "finished"
    assert [event.resumed_from for event in events if isinstance(event, Hello)] == [None, 8]
    assert list(job.state.curve.column("step")) == list(range(1, 19))
    assert (job.state.attempts, [checkpoint.step for checkpoint in job.state.checkpoints]) == (2, [8, 16])
    assert job.state == run_folder.state()
    assert [type(event) for event in last_events(run_folder)] == [Stopped, Finished]


def test_that_an_attempt_that_was_torn_is_closed_before_the_next_begins(run_folder: RunFolder) -> None:
    run_folder.events_path.write_bytes(b'{"type":"hello","time_s":1.0,"kind":"train","pid":1}\n{"type":"met')
    _, _, _ = run_to_end("finishes", run_folder)
    events = run_folder.events()
    assert [type(event) for event in events[:3]] == [Hello, Failed, Hello]
    assert len(last_events(run_folder)) == 2


def test_that_another_protocol_is_refused_and_its_speaker_ended(run_folder: RunFolder) -> None:
    outcome, job, events = run_to_end("other_protocol", run_folder)
    assert outcome.sentence == "The worker speaks protocol 2, this version of Arny Studio speaks 1."
    assert outcome.failure == "bad_input"
    assert [type(event) for event in events] == [Failed]
    assert job.pid is not None and not is_alive(job.pid)


def test_that_a_worker_that_gave_up_its_pipe_is_followed_by_its_log(run_folder: RunFolder) -> None:
    async def wait_for_the_rest(job: Job) -> None:
        while job.state.step < 10:
            await heard(job, Metric)
        await job.send(Stop())

    outcome, _job, events = run_to_end("gives_up_pipe", run_folder, wait_for_the_rest)
    assert outcome.sentence == "Told by the log."
    assert [event.step for event in events if isinstance(event, Metric)] == list(range(1, 11))
    assert events == run_folder.events()


def test_that_two_workers_on_one_folder_are_refused_with_a_sentence(run_folder: RunFolder) -> None:
    async def start_another(job: Job) -> None:
        await heard(job, Metric)
        with pytest.raises(BadInput, match=f"is already being worked on by process {job.pid}"):
            await start_job("train", run_folder, program=child("obeys"))
        await job.stop("now")

    outcome, _, _ = run_to_end("obeys", run_folder, start_another)
    assert outcome.kind == "stopped"


def test_that_the_worker_itself_refuses_a_folder_in_use_and_leaves_its_log_alone(
    run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal: list[Failed] = []

    async def start_another(job: Job) -> None:
        await heard(job, Metric)
        monkeypatch.setattr(type(run_folder.lock), "refuse_if_in_use", lambda lock: None)
        other = await start_job("train", RunFolder(run_folder.path), program=child("obeys"))
        other.subscribe(lambda event: refusal.append(event) if isinstance(event, Failed) else None)
        outcome = await other.wait()
        assert outcome.kind == "failed"
        await job.stop("now")

    outcome, _, _ = run_to_end("obeys", run_folder, start_another)
    assert outcome.kind == "stopped"
    assert "is already being worked on by process" in refusal[0].sentence
    assert "arny runs stop" in refusal[0].hint
    assert [type(event) for event in last_events(run_folder)] == [Stopped]


def test_that_a_folder_without_recipe_and_a_python_that_is_not_there_are_sentences(
    run_folder: RunFolder, tmp_path: Path
) -> None:
    with pytest.raises(MissingFile, match="is not a run folder"):
        drive(start_job("train", RunFolder(tmp_path)))
    with pytest.raises(MissingFile, match="There is no Python at /nowhere/python"):
        drive(start_job("train", run_folder, python="/nowhere/python"))
    with pytest.raises(BadInput, match="is not a Python 3 interpreter"):
        drive(start_job("train", run_folder, python="ls"))
    broken = tmp_path / "python"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    with pytest.raises(MissingFile, match="cannot be run: Exec format error"):
        drive(start_job("train", run_folder, python=str(broken)))


def test_that_a_listener_that_breaks_is_reported_and_the_others_hear_on(run_folder: RunFolder) -> None:
    reported: list[dict[str, object]] = []
    steps: list[int] = []

    def broken(event: AnyEvent) -> None:
        raise ValueError("broken listener")

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        job = await start_job("train", run_folder, program=child("finishes"), on_event=broken)
        unsubscribe = job.subscribe(lambda event: steps.append(job.state.step) if isinstance(event, Metric) else None)
        job.subscribe(lambda event: unsubscribe() if isinstance(event, Metric) and event.step == 3 else None)
        assert (await job.wait()).kind == "finished"
        unsubscribe()

    drive(work())
    assert steps == [1, 2, 3], "a listener hears the event after the state took it in, until it unsubscribes"
    assert len(reported) == len(run_folder.events())
    assert isinstance(reported[0]["exception"], ValueError)


def test_that_leaving_an_interactive_worker_ends_it(run_folder: RunFolder) -> None:
    async def work() -> int:
        job = await start_job("train", run_folder, program=child("obeys"))
        await heard(job, Checkpoint)
        await job.leave()
        with pytest.raises(asyncio.CancelledError):
            await job.wait()
        assert job.pid is not None
        return job.pid

    pid = drive(work())
    wait_until(lambda: not is_alive(pid), "the end of the worker that was left")
    assert last_events(run_folder) == [run_folder.events()[-1]]


def test_that_a_folder_that_vanishes_under_a_worker_costs_no_more_than_the_run(
    run_folder: RunFolder, tmp_path: Path
) -> None:
    async def take_away(job: Job) -> None:
        await heard(job, Progress)
        run_folder.path.rename(tmp_path / "elsewhere")
        assert job.pid is not None
        os.kill(job.pid, signal.SIGKILL)

    outcome, _, _ = run_to_end("ignores", run_folder, take_away)
    assert outcome.failure == "out_of_memory"


def test_that_nothing_is_heard_after_a_last_event_and_a_worker_that_lingers_is_ended(
    run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arny_studio.jobs.supervisor.LAST_WORD_GRACE_S", 0.1)

    async def wait_for_the_end(job: Job) -> None:
        await heard(job, Finished)

    outcome, job, events = run_to_end("speaks_by_hand", run_folder, wait_for_the_end)
    assert (outcome.kind, outcome.sentence) == ("finished", "First.")
    assert [type(event) for event in events] == [Hello, Finished]
    assert job.pid is not None and not is_alive(job.pid)


def test_that_a_worker_that_does_not_read_blocks_nobody_and_hears_everything_later(run_folder: RunFolder) -> None:
    async def talk_to_a_sleeper(job: Job) -> None:
        await heard(job, Metric)
        assert job.pid is not None
        os.kill(job.pid, signal.SIGSTOP)
        for number in range(5):
            assert await job.send(Ask(request=str(number), query="x" * 100_000))
        os.kill(job.pid, signal.SIGCONT)
        while (await heard(job, Token)).request != "4":
            pass
        await job.stop("now")

    outcome, _, events = run_to_end("obeys", run_folder, talk_to_a_sleeper)
    assert outcome.sentence == "Stopped, now."
    assert [len(event.text) for event in events if isinstance(event, Token)] == [100_000] * 5
