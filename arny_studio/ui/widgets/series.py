"""What a plot panel shows: named lines of numbers. No drawing, so that whoever makes them imports none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Stroke = Literal["line", "faint", "points"]
Words = Callable[[float], str]  # how a number is written


class Series(Struct, frozen=True, kw_only=True):
    """One line of a panel. `x` and `y` are (n,) each, NaN in `y` for a gap; `role` is a colour of the theme."""

    key: str
    title: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    role: str
    stroke: Stroke = "line"
