"""Measuring a piece of work, and telling the figure beside pytest's own output."""

from __future__ import annotations

import statistics
import sys
import time


def seconds(work, times=3):
    """The median wall time of a piece of work, and its last result."""
    taken, result = [], None
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken), result


def show(line):
    sys.stdout.write(f"\n{line}\n")
