"""How fast Tier-1 samples are written, on one core."""

import time

import pytest

from arny_studio.dataset.generate.tier1 import generate_tier1


@pytest.mark.benchmark
def test_that_5000_tier1_samples_are_written_at_5000_per_second():
    next(generate_tier1(1, seed=0))  # compiles the banks
    best_s = min(_seconds_for(5000) for _ in range(3))

    assert 5000 / best_s >= 5000


def _seconds_for(rows: int) -> float:
    start_s = time.process_time()
    assert sum(1 for _ in generate_tier1(rows, seed=7)) == rows
    return time.process_time() - start_s
