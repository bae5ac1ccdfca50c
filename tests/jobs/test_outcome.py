from __future__ import annotations

import signal

import pytest

from arny_studio.jobs.events import Failed, Finished, Stopped
from arny_studio.jobs.outcome import Outcome, exit_code_of, failed_by_death


def test_that_each_last_event_has_its_kind_and_exit_code() -> None:
    finished = Outcome.from_event(Finished(summary="Done."))
    assert (finished.kind, finished.sentence, finished.exit_code, finished.is_success) == ("finished", "Done.", 0, True)
    assert exit_code_of(Finished(found_problems=True)) == 4
    assert (finished.found_problems, Outcome.from_event(Finished(found_problems=True)).found_problems) == (False, True)
    stopped = Outcome.from_event(Stopped(resumable=True))
    assert (stopped.kind, stopped.sentence, stopped.exit_code, stopped.resumable) == ("stopped", "Stopped.", 3, True)
    failed = Outcome.from_event(Failed(kind="disk_full", sentence="Full.", hint="Free some.", traceback="tb"))
    assert (failed.kind, failed.failure, failed.hint, failed.details) == ("failed", "disk_full", "Free some.", "tb")
    assert (failed.exit_code, failed.is_success) == (1, False)


@pytest.mark.parametrize(("worker_code", "code"), [(2, 2), (1, 1), (-9, 1), (None, 1)])
def test_that_a_failure_keeps_the_exit_code_of_a_bad_recipe_only(worker_code: int | None, code: int) -> None:
    assert Outcome.from_event(Failed(kind="bad_input", sentence="No."), exit_code=worker_code).exit_code == code


def test_that_a_killed_worker_was_probably_out_of_memory() -> None:
    outcome = Outcome.from_death(-signal.SIGKILL, ["loading", "weights"])
    assert outcome.failure == "out_of_memory"
    assert outcome.sentence == "The worker was killed (SIGKILL): probably out of memory."
    assert outcome.details == "loading\nweights"


def test_that_a_crash_names_its_signal_and_its_last_line() -> None:
    outcome = Outcome.from_death(-signal.SIGSEGV, ["GGML_ASSERT failed", "  "])
    assert outcome.sentence == "The worker crashed with SIGSEGV: it touched memory that is not its own."
    assert outcome.hint == "Its last line was: GGML_ASSERT failed"
    assert outcome.failure == "library"


def test_that_signals_without_a_story_or_a_name_are_named_as_they_are() -> None:
    assert Outcome.from_death(-signal.SIGHUP, []).sentence == "The worker was ended by SIGHUP."
    assert Outcome.from_death(-250, []).sentence == "The worker was ended by signal 250."


def test_that_an_exit_without_a_word_says_its_code_and_keeps_the_last_twenty_lines() -> None:
    failed = failed_by_death(1, [f"line {number}" for number in range(30)])
    assert failed.sentence == "The worker ended with exit code 1 without saying why."
    assert failed.traceback.splitlines() == [f"line {number}" for number in range(10, 30)]


def test_that_an_end_nobody_saw_says_so() -> None:
    assert "without a last word" in failed_by_death(None, []).sentence


def test_that_what_was_said_before_a_crash_is_kept_beside_the_innermost_frames() -> None:
    said = [f"said {number}" for number in range(15)]
    dump = ["Fatal Python error: Segmentation fault", "", *[f"  File frame {number}" for number in range(40)]]
    failed = failed_by_death(-signal.SIGSEGV, [*said, *dump])
    assert failed.hint == "Its last line was: said 14"
    assert failed.traceback.splitlines() == [*said[5:], *dump[:10]]
