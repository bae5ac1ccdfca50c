"""The best adapter so far by a chosen figure, kept beside the checkpoints, and when to stop waiting for a better one.

A folder `best-<step>` is whole or not there (written under another name, sealed as checkpoints are, then renamed), and
says in `best.json` what it scored. A damaged one is set aside. A run that goes on from an older checkpoint finds it again, though its own step lies ahead.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from arny_studio.atomic import sync_folder, write_text_atomically
from arny_studio.engine import checkpoints

_NAME = re.compile(r"best-(\d+)")
_SCORE, _HISTORY = "best.json", "evaluations.json"
_LESS_IS_BETTER = ("validation_loss",)


class Score(Struct, frozen=True, kw_only=True):
    """A figure at a step."""

    metric: str
    step: int
    value: float


class BestAdapter:
    """Keeps the best of a run. `patience` evaluations without a better one are enough; 0: never."""

    def __init__(self, folder: Path, metric: str, *, patience: int, resumed_step: int = 0) -> None:
        self._folder = folder
        self._metric = metric
        self._patience = patience
        self._history = [score for score in self._read_history() if score.step <= resumed_step]
        for partial in folder.glob("best-*.partial"):
            shutil.rmtree(partial)
        self.kept = self._newest_best()

    def judge(self, step: int, value: float, save: Callable[[Path], None]) -> bool:
        """Take in an evaluation; where it is the best so far, `save` the adapter. Returns whether it was."""
        if any(score.step == step for score in self._history) or not math.isfinite(value):
            return False
        score = Score(metric=self._metric, step=step, value=value)
        self._history.append(score)
        is_best = self.kept is None or self._is_better(value, self.kept[0].value)
        if is_best:
            self.kept = (score, self._keep(score, save))
        write_text_atomically(self._folder / _HISTORY, msgspec.json.encode(self._history).decode())
        return is_best

    @property
    def has_waited_enough(self) -> bool:
        """Whether the last `patience` evaluations brought nothing better."""
        if not self._patience or self.kept is None:
            return False
        best_step = self.kept[0].step
        return sum(score.step > best_step for score in self._history) >= self._patience

    def _is_better(self, value: float, than: float) -> bool:
        return value < than if self._metric in _LESS_IS_BETTER else value > than

    def _keep(self, score: Score, save: Callable[[Path], None]) -> Path:
        final = self._folder / f"best-{score.step}"
        partial = final.with_name(final.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save(partial)
        (partial / _SCORE).write_bytes(msgspec.json.encode(score))
        checkpoints.seal(partial, step=score.step, tokens=0, used_s=0.0)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        sync_folder(self._folder)
        for other in self._folders():
            if other != final:
                shutil.rmtree(other)
        return final

    def _newest_best(self) -> tuple[Score, Path] | None:
        """What an earlier attempt kept; of two, left by a kill between writing and deleting, the later."""
        for path in reversed(self._folders()):
            if checkpoints.fault_of(path):
                checkpoints.set_aside(path)
                continue
            try:
                score = msgspec.json.decode((path / _SCORE).read_bytes(), type=Score)
            except (OSError, msgspec.MsgspecError):
                continue
            if score.metric == self._metric:
                return score, path
        return None

    def _folders(self) -> list[Path]:
        found = [(int(match[1]), path) for path in self._folder.glob("best-*") if (match := _NAME.fullmatch(path.name))]
        return [path for _step, path in sorted(found)]

    def _read_history(self) -> list[Score]:
        try:
            return msgspec.json.decode((self._folder / _HISTORY).read_bytes(), type=list[Score])
        except (OSError, msgspec.MsgspecError):
            return []
