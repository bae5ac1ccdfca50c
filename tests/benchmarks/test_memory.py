"""How much memory both tiers take, against llama-cpp-python's defaults, and how well it is told beforehand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arny_studio.device import TierSettings, predict
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_shape import model_shape
from arny_studio.recipe import Quant
from tests.benchmarks.conftest import BENCH_DIR
from tests.benchmarks.timing import show
from tests.benchmarks.wide_models import QWEN_1_5B, QWEN_3B, random_model

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

QUANTS: tuple[Quant, ...] = ("Q4_K_M", "Q5_K_M", "Q8_0")
CONTEXTS = (512, 2048, 4096)
CHILD = Path(__file__).with_name("memory_child.py")


def held(side: str, context: int, *files: str) -> int:
    command = [sys.executable, str(CHILD), side, str(context), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout.split()[-1])


def test_that_both_tiers_take_two_thirds_of_what_they_take_by_default(wide_router, random_tier2):
    files = [f"{wide_router}::router", str(random_tier2)]
    ours, theirs = held("ours", 2048, *files), held("peers", 2048, *files)
    show(f"both tiers at 2,048 tokens: {ours >> 20:,} MiB against {theirs >> 20:,}: {ours / theirs:.3f}")
    assert ours <= 0.66 * theirs


def test_that_a_reasoner_which_borrows_the_routers_tokenizer_is_told_within_two_percent(random_tier1, random_tier2):
    router, reasoner = (model_shape(check_gguf(path)) for path in (random_tier1, random_tier2))
    measured = held("ours", 2048, str(random_tier1), str(random_tier2))
    settings = TierSettings(context=2048)
    predicted = predict(router, settings).total + predict(reasoner.beside(router), settings).total
    show(f"both at 2,048, one tokenizer: predicted {predicted >> 20:,} MiB, measured {measured >> 20:,}")
    assert reasoner.beside(router).shares_tokenizer
    assert abs(predicted / measured - 1) <= 0.02


@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("size", ["1.5B", "3B"])
def test_that_memory_is_told_within_two_percent(vocabulary, size, quant):
    shape = QWEN_1_5B if size == "1.5B" else QWEN_3B
    path = random_model(BENCH_DIR / f"random-{size}-{quant}.gguf", shape=shape, quant=quant, vocabulary=vocabulary)
    told = model_shape(check_gguf(path))
    off: list[float] = []
    for context in CONTEXTS:
        measured = held("ours", context, str(path))
        predicted = predict(told, TierSettings(context=context)).total
        off.append(predicted / measured - 1)
        show(
            f"{size} {quant} at {context}: predicted {predicted >> 20:,} MiB, measured {measured >> 20:,}: {off[-1]:+.2%}"
        )
    assert max(map(abs, off)) <= 0.02


def test_that_the_routers_memory_is_told_within_two_percent(wide_router):
    measured = held("ours", 1024, f"{wide_router}::router")
    predicted = predict(model_shape(check_gguf(wide_router)), TierSettings(context=1024), is_router=True).total
    show(f"router at 1,024: predicted {predicted >> 20:,} MiB, measured {measured >> 20:,}")
    assert abs(predicted / measured - 1) <= 0.02
