"""How fast Tier-2 samples are written, on one core."""

import time

import pytest

from arny_studio.dataset.generate.tier2 import generate_tier2


@pytest.mark.benchmark
def test_that_3000_tier2_samples_are_written_at_5000_per_second():
    next(generate_tier2(1, seed=0))
    best_s = min(_seconds_for(3000) for _ in range(3))

    assert 3000 / best_s >= 5000


def _seconds_for(rows: int) -> float:
    start_s = time.process_time()
    assert sum(1 for _ in generate_tier2(rows, seed=7)) == rows
    return time.process_time() - start_s
