"""The training curves of a run, as columns that grow in place and are shared between states.

A state is a value: folding a metric gives a new one and leaves the old one as it was. Copying 100,000 points for
each new point would make the fold quadratic, so all states of one run share the same columns and each knows how
many rows are its own. Appending happens in place as long as nobody appended behind this state's rows before; a
second branch from the same state copies once.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator

from arny_studio.jobs.events import Metric

COLUMNS = (
    "step", "epoch", "loss", "validation_loss", "learning_rate", "gradient_norm", "tokens", "tokens_per_s", "time_s",
)  # fmt: skip
_NAN = math.nan


class Curve:
    """Rows of metrics by column; a value that was not given or not finite is NaN."""

    __slots__ = ("_columns", "_length")

    def __init__(self, columns: tuple[array[float], ...] | None = None, length: int = 0) -> None:
        self._columns = columns if columns is not None else tuple(array("d") for _ in COLUMNS)
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Curve):
            return NotImplemented
        return len(self) == len(other) and all(self._bytes_of(name) == other._bytes_of(name) for name in COLUMNS)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Curve({self._length} rows)"

    def column(self, name: str) -> array[float]:
        """A copy of one column, as doubles with NaN for gaps. Names: see COLUMNS."""
        return self._columns[COLUMNS.index(name)][: self._length]

    def points(self, name: str) -> Iterator[tuple[int, float]]:
        """(step, value) of every row that has a value in this column."""
        for step, value in zip(self.column("step"), self.column(name), strict=True):
            if not math.isnan(value):
                yield int(step), value

    def last(self, name: str) -> float | None:
        """The newest value of a column, None where there is none."""
        column = self._columns[COLUMNS.index(name)]
        return next((column[row] for row in range(self._length - 1, -1, -1) if not math.isnan(column[row])), None)

    @property
    def last_step(self) -> int:
        """The step of the newest row; 0 before the first."""
        return int(self._columns[0][self._length - 1]) if self._length else 0

    def extended(self, metric: Metric) -> Curve:
        """This curve and one more row."""
        columns = self._columns
        if len(columns[0]) != self._length:  # another state went on from here: this one needs its own columns
            columns = tuple(column[: self._length] for column in columns)
        for name, column in zip(COLUMNS, columns, strict=True):
            value = getattr(metric, name)
            column.append(_NAN if value is None else float(value))
        return Curve(columns, self._length + 1)

    def until(self, step: int) -> Curve:
        """The rows up to and including a step: what is left of a curve when a run goes on from a checkpoint."""
        rows = [row for row in range(self._length) if self._columns[0][row] <= step]
        if len(rows) == self._length:
            return self
        return Curve(tuple(array("d", (column[row] for row in rows)) for column in self._columns), len(rows))

    def _bytes_of(self, name: str) -> bytes:
        return self.column(name).tobytes()  # bytes, since NaN differs from itself
