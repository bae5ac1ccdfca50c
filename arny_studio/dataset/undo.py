"""The steps of a session: named, unlimited, taken back and done again in order."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from arny_studio.dataset.review import Review
from arny_studio.dataset.row_state import Operation, Texts

BASE = 0  # the serial of the state without any step


class Judgement(Struct, frozen=True):
    """Rows were judged: what was said of their hashes before and what is said now."""

    keys: tuple[int, ...]
    hashes: tuple[int, ...]
    before: tuple[Review, ...]
    after: tuple[Review, ...]


class Touched(Struct, frozen=True):
    """What a step, done or taken back, did. `keys`: rows with another text or review, new or gone; int64."""

    keys: np.ndarray
    structure: bool = False  # rows came or went
    review: bool = False


class Step(Struct, frozen=True):
    """One undo step. Its serial is its own: with it on top, the rows are in one certain state."""

    serial: int
    title: str
    operations: tuple[Operation, ...]
    judgements: tuple[Judgement, ...] = ()
    joins: bool = False  # typing: the next step may be joined to this one

    @property
    def is_edit(self) -> bool:
        """Whether it touches rows, and not their reviews alone."""
        return bool(self.operations)

    @property
    def touched(self) -> Touched:
        """The rows it touches."""
        keys = [operation.keys for operation in self.operations]
        keys += [np.array(judgement.keys, dtype=np.int64) for judgement in self.judgements]
        return Touched(
            np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.int64),
            structure=any(not isinstance(operation, Texts) for operation in self.operations),
            review=bool(self.judgements),
        )


class UndoStack:
    """What was done, and what was undone and can be done again."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self._last_serial = BASE
        self._is_paused = False

    @property
    def top_serial(self) -> int:
        """Serial of the last step that touches rows: the name of the rows' state."""
        return next((step.serial for step in reversed(self.done) if step.is_edit), BASE)

    @property
    def joinable(self) -> Step | None:
        """The step that typing may go on in: the last one, if it was typing and nothing has been undone since."""
        is_open = bool(self.done) and self.done[-1].joins and not self.undone and not self._is_paused
        return self.done[-1] if is_open else None

    def pause(self) -> None:
        """Typing rests: what is typed next is a step of its own."""
        self._is_paused = True

    def next_serial(self) -> int:
        """A serial that no step has had."""
        self._last_serial += 1
        return self._last_serial

    def push(self, step: Step) -> None:
        """A step was done; what had been undone cannot be done again."""
        self._last_serial = max(self._last_serial, step.serial)
        self.done.append(step)
        self.undone.clear()
        self._is_paused = False

    def pop_done(self) -> Step | None:
        """The step to take back, if there is one."""
        if not self.done:
            return None
        self.undone.append(self.done.pop())
        return self.undone[-1]

    def pop_undone(self) -> Step | None:
        """The step to do again, if there is one."""
        if not self.undone:
            return None
        self.done.append(self.undone.pop())
        return self.done[-1]
