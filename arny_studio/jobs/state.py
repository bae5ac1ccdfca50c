"""What is known about a run: a value folded from its events, the same for window, terminal, report and reopened run.

The conversation of a phone is not in here; the chat folds its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from arny_studio.jobs.curve import Columns, Curve, SystemCurve
from arny_studio.jobs.events import (
    Answers,
    AnyEvent,
    Artifact,
    Checkpoint,
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
    System,
    Terminal,
)
from arny_studio.jobs.outcome import Outcome

LOG_LINES_KEPT = 500
LEDGERS_KEPT = 500
ANSWERS_KEPT = 50


class StageSpan(Struct, frozen=True, kw_only=True):
    """A stage and the time it took; `ended_s` is None while it runs."""

    name: str
    title: str
    started_s: float
    ended_s: float | None = None


class RunState(Struct, frozen=True, kw_only=True):
    """Everything the window and the report show of a run. Times are Unix times in seconds."""

    kind: str = ""
    pid: int | None = None
    device: str = ""
    versions: dict[str, str] = {}
    attempts: int = 0  # how many times a worker was started on this folder
    resumed_from: int | None = None
    started_s: float | None = None  # of the present attempt
    last_event_s: float | None = None
    stage: Stage | None = None
    stages: tuple[StageSpan, ...] = ()  # of the present attempt, the running one last
    progress: Progress | None = None
    curve: Curve = field(default_factory=Curve)
    answers: tuple[Answers, ...] = ()  # rounds of answers to the held-out prompts, oldest first
    system: SystemCurve = field(default_factory=SystemCurve)
    last_system: System | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    results: dict[str, dict[str, Any]] = {}
    memory: Memory | None = None
    peak_rss_bytes: int = 0
    ledger: Ledger | None = None
    ledger_history: tuple[Ledger, ...] = ()
    resident: tuple[ModelLoaded, ...] = ()  # the models a phone holds, by tier
    log: tuple[Log, ...] = ()
    outcome: Outcome | None = None
    is_curve_of_this_attempt: bool = False

    @property
    def is_running(self) -> bool:
        """A worker said hello and has not said its last word."""
        return self.attempts > 0 and self.outcome is None

    @property
    def step(self) -> int:
        """The newest step on the curve, 0 before the first."""
        return self.curve.last_step

    @property
    def elapsed_s(self) -> float:
        """Seconds from hello to the newest event of the present attempt."""
        if self.started_s is None or self.last_event_s is None:
            return 0.0
        return max(0.0, self.last_event_s - self.started_s)

    @property
    def stage_elapsed_s(self) -> float:
        """Seconds from the start of the present stage to the newest event."""
        if not self.stages or self.last_event_s is None:
            return 0.0
        span = self.stages[-1]
        return max(0.0, (span.ended_s or self.last_event_s) - span.started_s)

    @property
    def fraction(self) -> float | None:
        """How much of the present stage is done, 0–1; None where unknown."""
        if self.progress is None or not self.progress.total:
            return None
        return min(1.0, self.progress.done / self.progress.total)

    @property
    def remaining_s(self) -> float | None:
        """Seconds the present stage still takes if it goes on as it did; None where unknown."""
        done = self.fraction
        return None if not done else self.stage_elapsed_s * (1 - done) / done


def apply(state: RunState, event: AnyEvent) -> RunState:
    """The state after an event. A second last event of the same attempt changes nothing."""
    if state.outcome is not None and not isinstance(event, Hello):
        return state
    return replace(state, last_event_s=event.time_s, **_changes(state, event))


def fold(events: Iterable[AnyEvent], state: RunState | None = None) -> RunState:
    """The state after many events."""
    state = state if state is not None else RunState()
    for event in events:
        state = apply(state, event)
    return state


def _changes(state: RunState, event: AnyEvent) -> dict[str, Any]:
    match event:
        case Metric():
            return {"curve": _curve_with(state, event), "is_curve_of_this_attempt": True}
        case Progress():
            return {"progress": event}
        case System():
            return {"last_system": event, "system": state.system.extended(event)}
        case Answers():
            return {"answers": (*(known for known in state.answers if known.step < event.step), event)[-ANSWERS_KEPT:]}
        case Memory():
            return _memory_changes(state, event)
        case Log():
            return {"log": (*state.log, event)[-LOG_LINES_KEPT:]}
        case Hello():
            return _hello_changes(state, event)
        case Stage():
            return {"stage": event, "progress": None, "stages": _stages_with(state, event)}
        case Checkpoint():
            return {"checkpoints": (*(known for known in state.checkpoints if known.path != event.path), event)}
        case Artifact():
            return {"artifacts": (*(known for known in state.artifacts if known.path != event.path), event)}
        case Result():
            return {"results": {**state.results, event.name: event.values}}
        case Ledger():
            return {"ledger": event, "ledger_history": (*state.ledger_history, event)[-LEDGERS_KEPT:]}
        case ModelLoaded() | ModelUnloaded():
            return {"resident": _resident_after(state, event)}
        case Finished() | Stopped() | Failed():
            return _ending_changes(state, event)
    return {}


def _hello_changes(state: RunState, event: Hello) -> dict[str, Any]:
    """A hello after an end, or from another process, begins an attempt; else it says more about the same one."""
    told = {"kind": event.kind, "pid": event.pid, "device": event.device, "versions": event.versions}
    told["resumed_from"] = event.resumed_from
    if state.is_running and state.pid == event.pid:
        return told
    return told | {
        "attempts": state.attempts + 1, "started_s": event.time_s, "stage": None, "stages": (), "progress": None,
        "memory": None, "ledger": None, "resident": (), "outcome": None, "is_curve_of_this_attempt": False,
    }  # fmt: skip


def _curve_with(state: RunState, event: Metric) -> Curve:
    """The first metric of an attempt drops the steps that an earlier one did and this one does again."""
    if state.is_curve_of_this_attempt:
        return state.curve.extended(event)
    kept_until = event.step - 1 if state.resumed_from is None else state.resumed_from
    return state.curve.until(kept_until).extended(event)


def _memory_changes(state: RunState, event: Memory) -> dict[str, Any]:
    if event.gpu_bytes is None and state.memory is not None:
        event = replace(event, gpu_bytes=state.memory.gpu_bytes)  # the sampler does not see the GPU, the trainer does
    return {"memory": event, "peak_rss_bytes": max(state.peak_rss_bytes, event.rss_bytes)}


def _stages_with(state: RunState, event: Stage) -> tuple[StageSpan, ...]:
    begun = StageSpan(name=event.name, title=event.title, started_s=event.time_s)
    return (*_closed(state.stages, event.time_s), begun)


def _closed(spans: tuple[StageSpan, ...], time_s: float) -> tuple[StageSpan, ...]:
    return (*spans[:-1], replace(spans[-1], ended_s=time_s)) if spans else ()


def _resident_after(state: RunState, event: ModelLoaded | ModelUnloaded) -> tuple[ModelLoaded, ...]:
    others = [model for model in state.resident if model.tier != event.tier]
    loaded = [event] if isinstance(event, ModelLoaded) else []
    return tuple(sorted([*others, *loaded], key=lambda model: model.tier))


def _ending_changes(state: RunState, event: Terminal) -> dict[str, Any]:
    return {"outcome": Outcome.from_event(event), "stages": _closed(state.stages, event.time_s), "resident": ()}


def state_as_json(state: RunState) -> bytes:
    """The state as one JSON object, the curve as one list per column with null for gaps."""
    return msgspec.json.encode(state, enc_hook=_as_columns)


def _as_columns(value: object) -> object:
    if isinstance(value, Columns):
        return value.as_columns()
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")
