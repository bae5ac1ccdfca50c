"""The curves of a run, as columns that grow in place and are shared between states.

A state is a value: folding a metric gives a new one and leaves the old one as it was. Copying 100,000 points for
each new point would make the fold quadratic, so all states of one run share the same columns and each knows how
many rows are its own. Appending happens in place as long as nobody appended behind this state's rows before; a
second branch from the same state copies once.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from arny_studio.jobs.events import Metric, System

COLUMNS = (
    "step", "epoch", "loss", "validation_loss", "learning_rate", "gradient_norm", "tokens", "tokens_per_s",
    "json_valid", "journey_accuracy", "field_agreement", "word_overlap", "time_s",
)  # fmt: skip
SYSTEM_COLUMNS = (
    "time_s", "cpu_percent", "ram_used_bytes", "gpu_percent", "gpu_used_bytes", "gpu_temperature_c",
)  # fmt: skip
_NAN = math.nan


class Columns:
    """Rows of numbers by column; a value that was not given or not finite is NaN. The first column is the place."""

    __slots__ = ("_columns", "_length")
    NAMES: ClassVar[tuple[str, ...]] = ()

    def __init__(self, columns: tuple[array[float], ...] | None = None, length: int = 0) -> None:
        self._columns = columns if columns is not None else tuple(array("d") for _ in self.NAMES)
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns) or type(other) is not type(self):
            return NotImplemented
        return len(self) == len(other) and all(self._bytes_of(name) == other._bytes_of(name) for name in self.NAMES)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._length} rows)"

    def column(self, name: str) -> array[float]:
        """A copy of one column, as doubles with NaN for gaps."""
        return self._columns[self.NAMES.index(name)][: self._length]

    def last(self, name: str) -> float | None:
        """The newest value of a column, None where there is none."""
        column = self._columns[self.NAMES.index(name)]
        return next((column[row] for row in range(self._length - 1, -1, -1) if not math.isnan(column[row])), None)

    def as_columns(self) -> dict[str, list[float]]:
        """Every column by name, as it goes into JSON."""
        return {name: list(self.column(name)) for name in self.NAMES}

    def _with_row(self, row: Mapping[str, float | None]) -> Self:
        columns = self._columns
        if len(columns[0]) != self._length:  # another state went on from here: this one needs its own columns
            columns = tuple(column[: self._length] for column in columns)
        for name, column in zip(self.NAMES, columns, strict=True):
            value = row.get(name)
            column.append(_NAN if value is None else float(value))
        return type(self)(columns, self._length + 1)

    def _bytes_of(self, name: str) -> bytes:
        return self.column(name).tobytes()  # bytes, since NaN differs from itself


class Curve(Columns):
    """The training metrics by step. Names: see COLUMNS."""

    __slots__ = ()
    NAMES = COLUMNS

    def points(self, name: str) -> Iterator[tuple[int, float]]:
        """(step, value) of every row that has a value in this column."""
        for step, value in zip(self.column("step"), self.column(name), strict=True):
            if not math.isnan(value):
                yield int(step), value

    @property
    def last_step(self) -> int:
        """The step of the newest row; 0 before the first."""
        return int(self._columns[0][self._length - 1]) if self._length else 0

    def extended(self, metric: Metric) -> Curve:
        """This curve and one more row."""
        return self._with_row({name: getattr(metric, name) for name in COLUMNS})

    def until(self, step: int) -> Curve:
        """The rows up to and including a step: what is left of a curve when a run goes on from a checkpoint."""
        rows = [row for row in range(self._length) if self._columns[0][row] <= step]
        if len(rows) == self._length:
            return self
        return Curve(tuple(array("d", (column[row] for row in rows)) for column in self._columns), len(rows))


class SystemCurve(Columns):
    """What the machine did, by Unix time. Names: see SYSTEM_COLUMNS.

    Of several GPUs the busiest's percent, the bytes of all, and the hottest's temperature.
    """

    __slots__ = ()
    NAMES = SYSTEM_COLUMNS

    def points(self, name: str) -> Iterator[tuple[float, float]]:
        """(Unix time, value) of every row that has a value in this column."""
        for time_s, value in zip(self.column("time_s"), self.column(name), strict=True):
            if not math.isnan(value):
                yield time_s, value

    def extended(self, event: System) -> SystemCurve:
        """This curve and one more row."""
        percents = [gpu.percent for gpu in event.gpus if gpu.percent is not None]
        heats = [gpu.temperature_c for gpu in event.gpus if gpu.temperature_c is not None]
        return self._with_row(
            {
                "time_s": event.time_s,
                "cpu_percent": event.cpu_percent,
                "ram_used_bytes": event.ram_used_bytes,
                "gpu_percent": max(percents, default=None),
                "gpu_used_bytes": sum(gpu.used_bytes for gpu in event.gpus) if event.gpus else None,
                "gpu_temperature_c": max(heats, default=None),
            }
        )
