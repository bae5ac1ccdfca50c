"""What a running training says and hears: metrics, progress and memory out, the wish to stop and the time limit in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from arny_studio.engine import ranks
from arny_studio.engine.schedule import TimeBudget
from arny_studio.errors import BadInput
from arny_studio.jobs.events import Event, Memory, Metric, Progress

Emit = Callable[[Event], None]
StopMode = Literal["save", "now"]
AskedToStop = Callable[[], StopMode | None]
_MODES: tuple[StopMode | None, ...] = (None, "save", "now")


class EventCallback(TrainerCallback):
    """Turns the trainer's logs into events and keeps the clock of its steps.

    `tokens_seen` gives the tokens of the whole run so far. A loss that is not a number ends the run with BadInput.
    """

    def __init__(self, emit: Emit, budget: TimeBudget, tokens_seen: Callable[[], int]) -> None:
        self._emit = emit
        self._budget = budget
        self._tokens_seen = tokens_seen
        self._step_began_s = 0.0
        self._interval_s = 0.0  # time in steps since the last point, without evaluations and checkpoints
        self._tokens_at_last_point = 0
        self.step_s = 0.0  # duration of the last step
        self.last_loss: float | None = None
        self.trained_s = 0.0
        self.trained_tokens = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Later points count tokens from here."""
        self._tokens_at_last_point = self._tokens_seen()

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """The clock of the run starts with its first step."""
        self._budget.start()
        self._step_began_s = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Time the step, and make a point of the curve wherever a checkpoint follows: none is saved unseen."""
        self.step_s = time.monotonic() - self._step_began_s
        self._interval_s += self.step_s
        if control.should_save or control.should_training_stop:
            control.should_log = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """A point of the curve. The trainer also logs a summary at the end, which has no loss and is passed over."""
        if not logs or "loss" not in logs:
            return
        tokens = self._tokens_seen()
        new_tokens = tokens - self._tokens_at_last_point
        self.last_loss = _finite(logs["loss"])
        self._emit(
            Metric(
                step=state.global_step,
                epoch=state.epoch or 0.0,
                loss=self.last_loss,
                learning_rate=_finite(logs.get("learning_rate")),
                gradient_norm=_finite(logs.get("grad_norm")),
                tokens=tokens,
                tokens_per_s=new_tokens / self._interval_s if self._interval_s else None,
            )
        )
        self._emit(Progress(done=state.global_step, total=self._expected_steps(state), unit="steps"))
        self._say_gpu_memory()
        self.trained_s += self._interval_s
        self.trained_tokens += new_tokens
        self._interval_s, self._tokens_at_last_point = 0.0, tokens
        if self.last_loss is None:
            raise BadInput(
                f"The loss is no longer a number at step {state.global_step}: the training has diverged.",
                hint="Lower the learning rate (a half is a good start) or raise the warm-up; earlier checkpoints stand.",
            )

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """A point of the validation curve."""
        if metrics and "eval_loss" in metrics:
            loss = _finite(metrics["eval_loss"])
            self._emit(Metric(step=state.global_step, epoch=state.epoch or 0.0, validation_loss=loss))

    def _expected_steps(self, state: TrainerState) -> int:
        """The steps this run will take: all of them, or those that its minutes allow at the pace so far."""
        spent = self._budget.spent
        return min(state.max_steps, math.ceil(state.global_step / spent)) if spent else state.max_steps

    def _say_gpu_memory(self) -> None:
        """The program around us samples the resident set; the GPU is ours to ask."""
        if torch.cuda.is_available():
            rss = psutil.Process().memory_info().rss
            free, total = torch.cuda.mem_get_info()  # with CUDA's own context; the allocator keeps what it once took
            self._emit(Memory(rss_bytes=rss, gpu_bytes=total - free))


class StopCallback(TrainerCallback):
    """Ends the training at a step's boundary: when it is asked to, or when the next step would overrun the minutes."""

    def __init__(self, asked: AskedToStop, budget: TimeBudget, step_s: Callable[[], float]) -> None:
        self._asked = asked
        self._budget = budget
        self._step_s = step_s
        self.mode: StopMode | None = None
        self.out_of_time = False

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Decide whether there is another step."""
        if self.check():
            control.should_training_stop = control.should_log = True
            control.should_save = self.mode == "save"
            control.should_evaluate = False
        elif not self._budget.has_room_for(self._step_s()) and state.global_step < state.max_steps:
            self.out_of_time = True
            control.should_training_stop = control.should_log = control.should_save = True

    def check(self) -> bool:
        """Whether the run has been asked to stop."""
        self.mode = _MODES[ranks.told_by_first(_MODES.index(self._asked() or self.mode))]
        return self.mode is not None


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
