"""How the learning rate runs over a training run that steps or minutes bound, whichever ends first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Literal

Shape = Literal["linear", "cosine", "constant"]


def rate_factor(step: int, *, total: int, warmup: int, shape: Shape, spent: float = 0.0) -> float:
    """Learning rate at `step` as a share of its peak: linear warm-up, then the shape down to 0.

    The decay follows the larger of two shares: of the steps (after warm-up) and of the time, `spent` (0 to 1). So a
    run that minutes end decays to about 0 at that end, whatever the machine's speed. With `spent` 0 it is the usual
    schedule with warm-up (as in transformers' get_scheduler).
    """
    if step < warmup:
        return step / max(1, warmup)
    done = min(1.0, max((step - warmup) / max(1, total - warmup), spent))
    if shape == "constant":
        return 1.0
    return 1.0 - done if shape == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


class TimeBudget:
    """Minutes a run may train, counted from its first step; pauses (stop and resume) do not count. 0: no limit."""

    def __init__(self, minutes: float, *, used_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit_s = minutes * 60
        self._used_before_s = used_s
        self._clock = clock
        self._started_s: float | None = None

    def start(self) -> None:
        """The first step begins; later calls change nothing."""
        if self._started_s is None:
            self._started_s = self._clock()

    @property
    def used_s(self) -> float:
        """Seconds trained so far, those before a resume included."""
        since = 0.0 if self._started_s is None else self._clock() - self._started_s
        return self._used_before_s + since

    @property
    def spent(self) -> float:
        """The share of the limit that is used, 0 to 1; always 0 without a limit."""
        return min(1.0, self.used_s / self.limit_s) if self.limit_s else 0.0

    def has_room_for(self, step_s: float) -> bool:
        """Whether another step of `step_s` seconds ends within the limit."""
        return not self.limit_s or self.used_s + step_s <= self.limit_s
