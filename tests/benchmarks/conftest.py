"""What the measurements share: the models they are taken on, made once and kept in `.cache/bench`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arny_studio.paths import DEMO_TIER1
from tests.benchmarks.wide_models import (
    QWEN_1_5B,
    QWEN_3B,
    llama_cpp_source,
    qwen_vocabulary,
    random_model,
    widen_router,
)

BENCH_DIR = Path(os.environ.get("ARNY_BENCH_DIR", Path(__file__).parents[2] / ".cache" / "bench"))


@pytest.fixture(scope="session")
def vocabulary() -> Path:
    """The real Qwen2 vocabulary, from llama-cpp-python's source distribution."""
    return qwen_vocabulary(llama_cpp_source(BENCH_DIR))


@pytest.fixture(scope="session")
def wide_router(vocabulary: Path) -> Path:
    """The demo router at the size of Qwen 2.5 1.5B, in Q4_K_M."""
    out = BENCH_DIR / "wide-router-Q4_K_M.gguf"
    return widen_router(DEMO_TIER1, out, shape=QWEN_1_5B, quant="Q4_K_M", vocabulary=vocabulary)


@pytest.fixture(scope="session")
def random_tier1(vocabulary: Path) -> Path:
    """Noise of 1.5B's exact shape, in Q4_K_M."""
    return random_model(BENCH_DIR / "random-1.5B-Q4_K_M.gguf", shape=QWEN_1_5B, quant="Q4_K_M", vocabulary=vocabulary)


@pytest.fixture(scope="session")
def random_tier2(vocabulary: Path) -> Path:
    """Noise of 3B's exact shape, in Q4_K_M."""
    return random_model(BENCH_DIR / "random-3B-Q4_K_M.gguf", shape=QWEN_3B, quant="Q4_K_M", vocabulary=vocabulary)
