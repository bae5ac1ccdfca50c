"""The GPU figures of training where there is a GPU; the same program on a tiny shape everywhere (`test_that_the_way…`)."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest
import torch

from tests.benchmarks.gpu_training import WANTED_TOKENS_PER_S, benchmark

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU at hand")
@pytest.mark.parametrize("shape", WANTED_TOKENS_PER_S)
def test_that_a_gpu_trains_fast_and_its_memory_is_foretold(shape: str, tmp_path: Path):
    found = benchmark(shape, steps=20, settings=12, scratch=tmp_path)
    errors = [abs(one["predicted_bytes"] / one["peak_bytes"] - 1) for one in found["memory"]]
    sys.stdout.write(f"\n{shape}: {found['speed']['tokens_per_s']:,.0f} tokens/s, memory off by {max(errors):.1%} at most, "
          f"{statistics.median(errors):.1%} in the middle\n")  # fmt: skip
    assert found["speed"]["tokens_per_s"] >= WANTED_TOKENS_PER_S[shape]
    assert max(errors) <= 0.07


def test_that_the_way_to_the_gpu_figures_works_on_a_cpu(tmp_path: Path):
    found = benchmark("tiny", steps=2, settings=2, scratch=tmp_path)
    assert found["speed"]["tokens_per_s"] > 0
    assert len(found["memory"]) == 2
    assert all(one["predicted_bytes"] > 0 and one["loss"] > 0 for one in found["memory"])
