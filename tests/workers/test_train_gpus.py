"""Which GPUs a training takes, where there are any."""

from __future__ import annotations

import os

import pytest

from arny_studio.engine import gpus
from arny_studio.engine.gpus import GpuFacts
from arny_studio.errors import BadInput
from arny_studio.jobs import gpu_claim
from arny_studio.jobs.gpu_claim import Holder, holder_of
from arny_studio.recipe import TrainRecipe
from arny_studio.workers.train import claim_a_gpu

RECIPE = TrainRecipe(base="b", train_data="d")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = [GpuFacts(index=n, uuid=f"GPU-{n}", name="T4", total_bytes=16, free_bytes=16, capability=7) for n in (0, 1)]
    monkeypatch.setattr(gpus, "gpu_facts", lambda: facts)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("two_gpus")
def test_that_a_training_takes_a_free_gpu_and_sees_no_other(monkeypatch: pytest.MonkeyPatch):
    other = Holder(pid=1, identity="", run="other")
    real = gpu_claim.holder_of
    monkeypatch.setattr(gpu_claim, "holder_of", lambda gpu: other if gpu == "GPU-0" else real(gpu))
    claim_a_gpu(RECIPE, "mine")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    held = holder_of("GPU-1")
    assert held is not None
    assert (held.run, held.pid) == ("mine", os.getpid())


@pytest.mark.usefixtures("two_gpus")
def test_that_held_gpus_are_refused_unless_they_are_shared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpu_claim, "holder_of", lambda _: Holder(pid=1, identity="", run="other"))
    with pytest.raises(BadInput, match="2 of 2 GPUs are held by another training"):
        claim_a_gpu(RECIPE, "mine")
    claim_a_gpu(TrainRecipe(base="b", train_data="d", share_gpu=True), "mine")
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_that_a_machine_without_gpus_claims_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gpus, "gpu_facts", list)
    claim_a_gpu(RECIPE, "mine")
