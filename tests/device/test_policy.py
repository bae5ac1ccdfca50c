"""Residency: which models stay, what is refused, and that no plan is ever over the cap by its own account."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arny_studio.device import (
    DeviceProfile,
    ModelShape,
    RamLedger,
    TierSettings,
    admit,
    load_profile,
    plan_residency,
    predict,
)  # fmt: skip
from arny_studio.device.policy import smallest_remedy

MIB = 1 << 20
HOST = 60 * MIB


def shape(file_mib: int, *, quant: str = "Q4_K_M", layers: int = 28, name: str = "model.gguf") -> ModelShape:
    return ModelShape(
        name=name, file_bytes=file_mib * MIB, layers=layers, hidden=1536, heads=12, kv_heads=2, head_dim=128, ffn=8960,
        vocab=151936, quant=quant,
    )  # fmt: skip


ROUTER, REASONER = shape(941), shape(1840, layers=36)


@pytest.mark.parametrize(("device", "mode"), [("4gb", "lite"), ("6gb", "full_local"), ("12gb", "both_resident")])
def test_that_the_real_pair_lives_on_each_phone_as_the_source_document_says(device: str, mode: str):
    profile = load_profile(device)
    assert plan_residency(profile, HOST, ROUTER, REASONER).mode == mode
    assert admit(RamLedger(cap=profile.cap_bytes, host=HOST), 1, ROUTER, profile.tier1).fits


def test_that_both_resident_falls_back_where_both_do_not_fit():
    profile = replace(load_profile("12gb"), app_budget_mib=2500)
    plan = plan_residency(profile, HOST, ROUTER, REASONER)
    assert plan.mode == "full_local"
    assert re.search(r"would take 3,\d\d\d MiB, more than the cap of 2,500 MiB", plan.because)


def test_that_a_phone_without_a_reasoner_is_lite():
    assert plan_residency(load_profile("12gb"), HOST, ROUTER, None).mode == "lite"


def test_that_the_source_documents_budget_for_a_4gb_phone_fails_with_repacked_weights():
    profile = load_profile("4gb")
    ledger = RamLedger(cap=profile.cap_bytes, host=HOST)
    refused = admit(ledger, 1, ROUTER, replace(profile.tier1, repack=True))
    assert not refused.fits
    assert refused.remedy == "It would fit with no repacked weights."


def test_that_a_refusal_says_what_is_needed_of_which_and_what_is_free():
    ledger = RamLedger(cap=1200 * MIB, host=HOST)
    refused = admit(ledger, 2, replace(REASONER, name="big.gguf"), TierSettings(context=2048))
    assert re.fullmatch(
        r"big.gguf needs 2,027 MiB \(weights 1,840 MiB, KV cache 72 MiB, compute 115 MiB\), "
        r"but 1,140 MiB of 1,200 MiB are free\.",
        refused.sentence,
    )


@pytest.mark.parametrize(
    ("free_mib", "quant", "context", "remedy"),
    [
        (1480, "Q4_K_M", 16384, "It would fit with a batch of 64 tokens."),
        (1064, "Q4_K_M", 8192, "It would fit with a batch of 64 tokens and a context of 2048 tokens."),
        (1008, "Q4_K_M", 512, "It would fit with a batch of 64 tokens and a q8_0 KV cache."),
        (850, "Q8_0", 2048, "It would fit with the Q6_K file, a batch of 64 tokens and a q8_0 KV cache."),
        (300, "Q4_K_M", 2048, "Nothing makes it fit beside Tier-1: run this phone in Lite mode or raise its budget."),
    ],
)
def test_that_the_mildest_change_is_offered(free_mib: int, quant: str, context: int, remedy: str):
    size = 941 if quant == "Q4_K_M" else 933
    words, settings = smallest_remedy(2, shape(size, quant=quant), TierSettings(context=context), free_mib * MIB)
    assert words == remedy
    assert (settings is None) == ("file" in words or "Nothing" in words)


profiles = st.builds(
    DeviceProfile,
    title=st.just("x"),
    ram_mib=st.integers(1024, 16384),
    os_reserve_mib=st.just(0),
    app_budget_mib=st.integers(128, 8192),
    mode=st.sampled_from(["auto", "lite", "full_local", "both_resident"]),
    tier1=st.builds(TierSettings, context=st.integers(128, 8192), repack=st.booleans()),
    tier2=st.builds(TierSettings, context=st.integers(128, 8192), kv_type=st.sampled_from(["f16", "q8_0"])),
)


@given(profiles, st.integers(20, 2500), st.integers(20, 4000), st.integers(10, 200))
def test_that_no_admitted_set_of_models_is_predicted_over_the_cap(profile, tier1_mib, tier2_mib, host_mib):
    ledger = RamLedger(cap=profile.cap_bytes, host=host_mib * MIB)
    for tier, model in ((1, shape(tier1_mib)), (2, shape(tier2_mib))):
        admission = admit(ledger, tier, model, profile.settings(tier))
        assert admission.fits is not bool(admission.sentence)
        if admission.fits:
            ledger = ledger.loaded(tier, admission.footprint)
            assert ledger.held <= ledger.cap


@given(profiles, st.integers(20, 2500), st.integers(20, 4000), st.integers(10, 200))
def test_that_both_resident_is_only_planned_where_both_are_admitted(profile, tier1_mib, tier2_mib, host_mib):
    router, reasoner = shape(tier1_mib), shape(tier2_mib)
    if plan_residency(profile, host_mib * MIB, router, reasoner).mode != "both_resident":
        return
    ledger = RamLedger(cap=profile.cap_bytes, host=host_mib * MIB)
    ledger = ledger.loaded(1, predict(router, profile.tier1, is_router=True))
    assert admit(ledger, 2, reasoner, profile.tier2).fits


@given(
    st.integers(100, 4000), st.integers(50, 3000), st.sampled_from(["Q8_0", "Q4_K_M", "F16", ""]),
    st.sampled_from([512, 1000, 2048, 8192]), st.booleans(),
)  # fmt: skip
def test_that_a_remedy_is_never_offered_that_would_not_fit(size, free_mib, quant, context, repack):
    settings = TierSettings(context=context, repack=repack)
    remedy, changed = smallest_remedy(1, shape(size, quant=quant), settings, free_mib * MIB)
    if changed is not None:
        assert _after(remedy, shape(size, quant=quant), settings)[1] == changed
    assert (
        predict(*_after(remedy, shape(size, quant=quant), settings), is_router=True).total <= free_mib * MIB
        or "Nothing" in remedy
    )


def _after(remedy: str, model: ModelShape, settings: TierSettings) -> tuple[ModelShape, TierSettings]:
    """The model and settings that a remedy's words describe."""
    if found := re.search(r"the (\w+) file", remedy):
        model = model.requantized(found[1])
    if found := re.search(r"context of (\d+) tokens", remedy):
        settings = replace(settings, context=int(found[1]))
    if "q8_0 KV cache" in remedy:
        settings = replace(settings, kv_type="q8_0")
    if found := re.search(r"batch of (\d+) tokens", remedy):
        settings = replace(settings, batch=int(found[1]))
    if "no repacked weights" in remedy:
        settings = replace(settings, repack=False)
    return model, settings
