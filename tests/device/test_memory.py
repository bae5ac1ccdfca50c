"""The memory estimate against what was measured on real shapes (design, section 7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from arny_studio.device import ModelShape, TierSettings, predict
from arny_studio.device.memory import BITS_PER_WEIGHT, KV_BYTES, kv_bytes

MIB = 1 << 20
HOST_MIB = 39  # the Python host within the measured totals
SMALL = ModelShape(
    name="1.5B", file_bytes=941 * MIB, layers=28, hidden=1536, heads=12, kv_heads=2, head_dim=128, ffn=8960,
    vocab=151936, quant="Q4_K_M",
)  # fmt: skip
LARGE = ModelShape(
    name="3B", file_bytes=1840 * MIB, layers=36, hidden=2048, heads=16, kv_heads=2, head_dim=128, ffn=11008,
    vocab=151936, quant="Q4_K_M",
)  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "repack", "measured_mib", "over"),
    [(SMALL, False, 1119, 0.03), (LARGE, False, 2045, 0.03), (SMALL, True, 1708, 0.05), (LARGE, True, 3299, 0.05)],
)
def test_that_the_estimate_is_never_below_what_was_measured_and_little_above(shape, repack, measured_mib, over):
    predicted = predict(shape, TierSettings(context=2048, batch=512, repack=repack)).total / MIB + HOST_MIB
    assert measured_mib <= predicted <= (1 + over) * measured_mib


@pytest.mark.parametrize(("batch", "measured_mib"), [(512, 47.1 + 66.7), (64, 47.1 + 10.0)])
def test_that_compute_is_what_our_own_worker_was_measured_to_take(batch: int, measured_mib: float):
    settings = TierSettings(context=2048, batch=batch)
    assert predict(SMALL, settings).compute / MIB == pytest.approx(measured_mib, abs=2)
    assert predict(SMALL, settings, is_router=True).compute / MIB == pytest.approx(measured_mib + 51.4, abs=2)


def test_that_a_tokenizer_that_a_resident_model_lends_is_not_counted_again():
    router, reasoner = structs.replace(SMALL, tokenizer="a1"), structs.replace(LARGE, tokenizer="a1")
    settings = TierSettings()
    saved = predict(reasoner, settings).compute - predict(reasoner.beside(router), settings).compute
    assert saved / MIB == pytest.approx(47.1, abs=0.1)
    other = structs.replace(reasoner, tokenizer="b2")
    assert predict(other.beside(router), settings) == predict(other, settings)
    assert predict(LARGE.beside(SMALL), settings) == predict(LARGE, settings)  # not known to be alike


@pytest.mark.parametrize(("shape", "kib"), [(SMALL, 28), (LARGE, 36)])
def test_that_a_token_of_context_costs_what_was_measured(shape: ModelShape, kib: int):
    assert kv_bytes(shape, TierSettings(context=2048)) == 2048 * kib * 1024


def test_that_the_cache_is_counted_as_it_is_allocated_in_steps_of_256():
    assert kv_bytes(SMALL, TierSettings(context=257)) == kv_bytes(SMALL, TierSettings(context=512))


@given(
    context=st.integers(128, 16384), other=st.integers(128, 16384), kv=st.sampled_from(list(KV_BYTES)),
    batch=st.integers(16, 2048),
)  # fmt: skip
def test_that_a_longer_context_never_takes_less(context: int, other: int, kv, batch: int):
    low, high = sorted((context, other))
    small = predict(SMALL, TierSettings(context=low, kv_type=kv, batch=batch))
    large = predict(SMALL, TierSettings(context=high, kv_type=kv, batch=batch))
    assert small.total <= large.total


def test_that_a_smaller_quant_is_estimated_smaller_and_its_name_kept():
    quants = sorted(BITS_PER_WEIGHT, key=BITS_PER_WEIGHT.__getitem__)
    sizes = [SMALL.requantized(quant).file_bytes for quant in quants]
    assert sizes == sorted(sizes)
    assert SMALL.requantized("Q8_0").quant == "Q8_0"
    assert SMALL.requantized("Q8_0").file_bytes / MIB == pytest.approx(1630, rel=0.02)
