from __future__ import annotations

import json
import time

import pytest

from arny_studio.jobs.events import (
    Artifact,
    Checkpoint,
    Decided,
    Failed,
    Finished,
    Hello,
    Ledger,
    Log,
    Memory,
    Metric,
    ModelLoaded,
    ModelUnloaded,
    Progress,
    Result,
    Stage,
    Stopped,
)
from arny_studio.jobs.state import LEDGERS_KEPT, LOG_LINES_KEPT, RunState, apply, fold, state_as_json


def hello(time_s: float = 100.0, pid: int = 7, resumed_from: int | None = None, device: str = "cpu") -> Hello:
    return Hello(kind="train", pid=pid, device=device, resumed_from=resumed_from, time_s=time_s)


def test_that_a_hello_begins_an_attempt_and_a_last_event_ends_it() -> None:
    state = fold([hello()])
    assert (state.kind, state.pid, state.is_running, state.attempts) == ("train", 7, True, 1)
    ended = apply(state, Finished(summary="Done.", time_s=160.0))
    assert not ended.is_running
    assert ended.outcome is not None and ended.outcome.sentence == "Done."
    assert ended.elapsed_s == 60.0
    assert state.outcome is None, "the older state is a value and stays as it was"


def test_that_nothing_changes_after_a_last_event_not_even_by_a_second_one() -> None:
    ended = fold([hello(), Finished(time_s=101.0)])
    assert fold([Metric(step=1, loss=1.0), Failed(kind="bug", sentence="No."), Log(text="late")], ended) == ended


def test_that_a_second_hello_of_the_same_process_says_more_about_the_same_attempt() -> None:
    state = fold(
        [hello(), Stage(name="load", title="Load", index=1, total=2, time_s=101.0), hello(102.0, device="cuda:0")]
    )
    assert (state.device, state.attempts, state.started_s) == ("cuda:0", 1, 100.0)
    assert state.stage is not None


@pytest.mark.parametrize("pid", [7, 8])
def test_that_a_hello_after_an_end_begins_a_new_attempt_and_resets_the_outcome(pid: int) -> None:
    first = fold([
        hello(), Stage(name="load", title="Load", index=1, total=2), Memory(rss_bytes=10), Stopped(resumable=True)
    ])  # fmt: skip
    state = apply(first, hello(200.0, pid=pid, resumed_from=50))
    assert (state.attempts, state.outcome, state.started_s, state.resumed_from) == (2, None, 200.0, 50)
    assert (state.stage, state.stages, state.memory, state.peak_rss_bytes) == (None, (), None, 10)


def test_that_another_process_begins_a_new_attempt_even_where_the_old_one_had_no_end() -> None:
    assert fold([hello(pid=7), hello(pid=8)]).attempts == 2


def metrics(*steps: int) -> list[Metric]:
    return [Metric(step=step, loss=float(step)) for step in steps]


def test_that_a_resumed_curve_drops_the_steps_that_are_done_again() -> None:
    state = fold([hello(), *metrics(1, 2, 3, 4), Stopped(), hello(pid=8, resumed_from=2), *metrics(3, 4, 5)])
    assert list(state.curve.column("step")) == [1, 2, 3, 4, 5]
    assert state.step == 5


def test_that_a_run_that_begins_anew_begins_its_curve_anew_when_its_first_point_comes() -> None:
    resumed = fold([hello(), *metrics(1, 2, 3), Stopped(), hello(pid=8)])
    assert len(resumed.curve) == 3
    assert list(fold(metrics(1), resumed).curve.column("step")) == [1]


def test_that_two_points_of_the_same_step_both_stay() -> None:
    state = fold([hello(), Metric(step=1, loss=1.0), Metric(step=1, validation_loss=2.0)])
    assert (state.curve.last("loss"), state.curve.last("validation_loss")) == (1.0, 2.0)


def test_that_stages_know_how_long_they_took_and_how_far_they_are() -> None:
    state = fold([
        hello(100.0), Stage(name="load", title="Load", index=1, total=2, time_s=101.0), Progress(done=1, time_s=102.0),
        Stage(name="train", title="Train", index=2, total=2, time_s=105.0), Progress(done=25, total=100, time_s=115.0),
    ])  # fmt: skip
    assert [(span.name, span.started_s, span.ended_s) for span in state.stages] == [
        ("load", 101.0, 105.0), ("train", 105.0, None)
    ]  # fmt: skip
    assert (state.fraction, state.stage_elapsed_s, state.remaining_s) == (0.25, 10.0, 30.0)
    ended = apply(state, Finished(time_s=120.0))
    assert ended.stages[-1].ended_s == 120.0
    assert ended.stage_elapsed_s == 15.0


def test_that_nothing_known_is_nothing_claimed() -> None:
    state = RunState()
    assert (state.elapsed_s, state.stage_elapsed_s, state.fraction, state.remaining_s) == (0.0, 0.0, None, None)
    assert not state.is_running
    assert fold([hello(), Progress(done=3)]).fraction is None
    assert fold([hello(), Progress(done=0, total=4)]).remaining_s is None
    assert fold([hello(), Progress(done=9, total=4)]).fraction == 1.0
    assert fold([Finished()]).stages == ()


def test_that_files_and_checkpoints_made_again_are_listed_once_and_results_keep_the_newest() -> None:
    state = fold([
        hello(), Artifact(kind="gguf", path="a", size_bytes=1), Artifact(kind="gguf", path="b", size_bytes=1),
        Artifact(kind="gguf", path="a", size_bytes=2), Checkpoint(step=1, path="c/1"), Checkpoint(step=2, path="c/2"),
        Checkpoint(step=1, path="c/1"), Result(name="scores", values={"f1": 0.5}), Result(name="scores", values={"f1": 0.6}),
    ])  # fmt: skip
    assert [(artifact.path, artifact.size_bytes) for artifact in state.artifacts] == [("b", 1), ("a", 2)]
    assert [checkpoint.step for checkpoint in state.checkpoints] == [2, 1]
    assert state.results == {"scores": {"f1": 0.6}}


def test_that_the_sampler_which_sees_no_gpu_does_not_hide_what_the_trainer_saw() -> None:
    state = fold([hello(), Memory(rss_bytes=9, gpu_bytes=5), Memory(rss_bytes=3)])
    assert state.memory is not None
    assert (state.memory.rss_bytes, state.memory.gpu_bytes, state.peak_rss_bytes) == (3, 5, 9)


def ledger(used: int) -> Ledger:
    return Ledger(cause="loaded tier1", cap_bytes=100, used_bytes=used, peak_bytes=used)


def test_that_log_and_ledger_history_are_bounded() -> None:
    state = fold([hello(), *[Log(text=str(number)) for number in range(LOG_LINES_KEPT + 5)]])
    assert (len(state.log), state.log[0].text) == (LOG_LINES_KEPT, "5")
    state = fold([ledger(number) for number in range(LEDGERS_KEPT + 3)], state)
    assert (len(state.ledger_history), state.ledger_history[0].used_bytes) == (LEDGERS_KEPT, 3)
    assert state.ledger is state.ledger_history[-1]


def test_that_the_resident_models_are_those_loaded_and_not_unloaded() -> None:
    one, two = (ModelLoaded(tier=tier, file="m", elapsed_ms=1.0) for tier in (1, 2))
    state = fold([hello(), two, one])
    assert [model.tier for model in state.resident] == [1, 2]
    assert apply(state, ModelUnloaded(tier=2, because="used")).resident == (one,)
    assert apply(state, Finished()).resident == ()


def test_that_events_of_the_conversation_leave_only_their_time() -> None:
    before = fold([hello()])
    after = apply(before, Decided(request="r", text="{}", decision=None, is_valid=False, time_s=130.0))
    assert (after.elapsed_s, after.log) == (30.0, before.log)


def test_that_a_hundred_thousand_points_fold_in_a_few_seconds_and_older_states_stay_values() -> None:
    states = [fold([hello()])]
    events = [Metric(step=step, loss=0.5, time_s=100.0 + step) for step in range(1, 100_001)]
    started_s = time.perf_counter()
    state = states[0]
    for event in events:
        state = apply(state, event)
        if event.step == 1000:
            states.append(state)
    elapsed_s = time.perf_counter() - started_s
    assert elapsed_s < 10, "a quadratic fold takes minutes"
    assert [len(known.curve) for known in [*states, state]] == [0, 1000, 100_000]


def test_that_the_json_form_has_the_curve_by_columns() -> None:
    raw = json.loads(state_as_json(fold([hello(), Metric(step=1, loss=0.5, time_s=101.0)])))
    assert raw["curve"]["step"] == [1.0]
    assert raw["curve"]["tokens"] == [None]
    assert raw["kind"] == "train"


def test_that_something_without_a_json_form_is_an_error() -> None:
    with pytest.raises(NotImplementedError, match="object has no JSON form"):
        state_as_json(fold([hello(), Result(name="odd", values={"what": object()})]))
