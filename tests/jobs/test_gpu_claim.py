"""Two trainings never share a GPU, and a dead one holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from arny_studio.errors import BadInput
from arny_studio.jobs.gpu_claim import claim_gpus, free_of, holder_of

CLAIM = "import sys; from arny_studio.jobs.gpu_claim import claim_gpus; print(claim_gpus(['a', 'b'], 1, run='first')[0], flush=True); sys.stdin.read()"  # fmt: skip


def other_training() -> subprocess.Popen[str]:
    """A process that holds the GPU a until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "a"
    return process


def test_that_a_held_gpu_is_passed_over_refused_and_free_again_after_a_kill():
    with other_training() as other:
        holder = holder_of("a")
        assert holder is not None
        assert (holder.run, holder.pid) == ("first", other.pid)
        assert free_of(["a", "b"]) == ["b"]
        with pytest.raises(BadInput, match=r"The GPU is held by another training: first") as caught:
            claim_gpus(["a"], 1, run="second")
        assert "share_gpu" in caught.value.hint
        assert claim_gpus(["a", "b"], 1, run="second") == ["b"]
        other.kill()
    assert holder_of("a") is None
    assert claim_gpus(["a"], 1, run="third") == ["a"]


def test_that_more_gpus_than_there_are_cannot_be_had():
    with pytest.raises(BadInput, match="wants 3 GPUs, and this machine has 2"):
        claim_gpus(["a", "b"], 3, run="r")
