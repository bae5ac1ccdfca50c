"""Quantizing: what comes out loads, answers like the reference, and is as large as was said before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import pytest

from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_writer import write_gguf_f16
from arny_studio.engine.llama_log import route_llama_log
from arny_studio.engine.quant_types import FILE_TYPES, bits_per_weight, predicted_bytes, predicted_tensors
from arny_studio.engine.quantize import ExportFailed, quantize
from arny_studio.errors import ArnyError, BadInput, DiskFull
from arny_studio.recipe import Quant
from tests.tiny_models import make_tiny_adapter, make_tiny_base, make_tiny_gguf

QUANTS: list[Quant] = ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"]
PROMPT = [17, 33, 260, 41, 300, 7, 90, 411, 12, 64]


def silently(_done: int, _total: int) -> None:
    return


@pytest.fixture(autouse=True)
def _quiet_llama() -> Iterator[None]:
    route_llama_log()
    yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_gguf(tmp_path_factory.mktemp("f16") / "tiny.gguf", layers=9)


def logits_of(path: Path, ids: list[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Logits of every position, by llama.cpp."""
    model = llama_cpp.Llama(str(path), n_ctx=64, n_threads=1, logits_all=True, verbose=False)
    try:
        model.eval(ids)
        return np.array(model.scores[: len(ids)], np.float32)
    finally:
        model.close()


@pytest.mark.parametrize("quant", QUANTS)
def test_that_types_and_size_are_what_was_predicted(tmp_path: Path, source: Path, quant: Quant) -> None:
    info = check_gguf(source)
    result = quantize(source, tmp_path / "out.gguf", quant, threads=1, on_progress=silently)
    found = check_gguf(tmp_path / "out.gguf")
    assert result.size_bytes == found.size_bytes == predicted_bytes(info.tensors, info.data_start, quant)
    predicted = {tensor.name: tensor.type.name for tensor in predicted_tensors(info.tensors, quant)}
    assert {tensor.name: tensor.type for tensor in found.tensors} == predicted
    assert found.number("general.file_type") == FILE_TYPES[quant]
    assert not result.fallbacks
    assert bits_per_weight(quant) < found.bits_per_weight < bits_per_weight("F16")


@pytest.mark.parametrize("quant", ["Q5_K_M", "Q4_K_M", "Q4_0"])
def test_that_types_are_predicted_for_an_untied_head_too(tmp_path: Path, quant: Quant) -> None:
    base = make_tiny_base(tmp_path / "base", layers=3, tied=False)
    write_gguf_f16(base, None, tmp_path / "f16.gguf", on_progress=silently)
    info = check_gguf(tmp_path / "f16.gguf")
    quantize(tmp_path / "f16.gguf", tmp_path / "out.gguf", quant, threads=1, on_progress=silently)
    found = {tensor.name: tensor.type for tensor in check_gguf(tmp_path / "out.gguf").tensors}
    assert found == {tensor.name: tensor.type.name for tensor in predicted_tensors(info.tensors, quant)}
    assert found["output.weight"] == "Q6_K"


@pytest.mark.filterwarnings("ignore")
def test_that_merged_and_quantized_logits_are_those_of_transformers(tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = make_tiny_base(tmp_path / "base", layers=2)
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter).merge_and_unload()
    with torch.no_grad():
        reference = model(torch.tensor([PROMPT])).logits[0].numpy()

    f16 = tmp_path / "f16.gguf"
    write_gguf_f16(base, adapter, f16, on_progress=silently)
    spread = float(reference.std())
    errors = {"F16": float(np.sqrt(np.mean((logits_of(f16, PROMPT) - reference) ** 2))) / spread}
    for quant in QUANTS:
        quantize(f16, tmp_path / f"{quant}.gguf", quant, threads=1, on_progress=silently)
        difference = logits_of(tmp_path / f"{quant}.gguf", PROMPT) - reference
        errors[quant] = float(np.sqrt(np.mean(difference**2))) / spread
    limits = {
        "F16": 0.005,
        "Q8_0": 0.06,
        "Q6_K": 0.12,
        "Q5_K_M": 0.2,
        "Q4_K_M": 0.4,
        "Q4_0": 0.4,
    }  # of the logits' spread
    assert all(errors[quant] < limit for quant, limit in limits.items()), errors
    assert errors["F16"] < errors["Q8_0"] < errors["Q6_K"] < errors["Q4_K_M"]


@pytest.mark.filterwarnings("ignore")
def test_that_the_adapter_is_in_the_file(tmp_path: Path) -> None:
    """The mistake that hurts most: an export that looks right and holds the base alone."""
    base = make_tiny_base(tmp_path / "base", layers=1)
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    write_gguf_f16(base, None, tmp_path / "plain.gguf", on_progress=silently)
    write_gguf_f16(base, adapter, tmp_path / "tuned.gguf", on_progress=silently)
    plain, tuned = (logits_of(tmp_path / f"{name}.gguf", PROMPT) for name in ("plain", "tuned"))
    assert float(np.abs(plain - tuned).max()) > 0.1 * float(plain.std())


def test_that_rows_of_odd_length_are_said_aloud(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1, hidden=384, ffn=320)
    write_gguf_f16(base, None, tmp_path / "f16.gguf", on_progress=silently)
    info = check_gguf(tmp_path / "f16.gguf")
    result = quantize(tmp_path / "f16.gguf", tmp_path / "out.gguf", "Q4_K_M", threads=1, on_progress=silently)
    assert result.size_bytes == predicted_bytes(info.tensors, info.data_start, "Q4_K_M")
    assert len(result.fallbacks) == 8
    sentence = result.fallback_sentence("Q4_K_M")
    assert "8 of the tensors" in sentence
    assert "no multiple of 256" in sentence
    assert "token_embd.weight became Q8_0 instead of Q6_K" in sentence


def test_that_progress_never_exceeds_the_total_and_ends_at_it(tmp_path: Path, source: Path) -> None:
    said: list[tuple[int, int]] = []
    quantize(source, tmp_path / "out.gguf", "Q8_0", threads=1, on_progress=lambda *now: said.append(now))
    assert said == sorted(said)
    assert said[-1][0] == said[-1][1]


def test_that_giving_up_leaves_no_file(tmp_path: Path, source: Path) -> None:
    class GivenUp(Exception):
        pass

    def give_up(_done: int, _total: int) -> None:
        raise GivenUp

    out, earlier = tmp_path / "out" / "out.gguf", set(threading.enumerate())
    with pytest.raises(GivenUp):
        quantize(source, out, "Q4_K_M", threads=1, on_progress=give_up)
    assert list(out.parent.iterdir()) == []
    for thread in set(threading.enumerate()) - earlier:
        thread.join(timeout=60)  # llama.cpp's own end, so that the next test does not meet it


def refusal(source: Path, out: Path, quant: Quant) -> ArnyError:
    with pytest.raises(ArnyError) as caught:
        quantize(source, out, quant, threads=1, on_progress=silently)
    assert not out.exists()
    assert not list(out.parent.glob("*.partial"))
    return caught.value


def test_that_only_f16_is_quantized(tmp_path: Path, source: Path) -> None:
    quantize(source, tmp_path / "q8.gguf", "Q8_0", threads=1, on_progress=silently)
    assert "no F16 file" in refusal(tmp_path / "q8.gguf", tmp_path / "q4.gguf", "Q4_0").sentence
    assert "starts from" in refusal(source, tmp_path / "q4.gguf", "F16").sentence


def test_that_half_a_source_is_refused_before_llama_cpp_sees_it(tmp_path: Path, source: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    error = refusal(half, tmp_path / "out.gguf", "Q4_K_M")
    assert isinstance(error, BadInput)
    assert "cut short" in error.sentence


def test_that_a_source_llama_cpp_refuses_is_its_failure_with_its_words(tmp_path: Path, source: Path) -> None:
    odd = tmp_path / "odd.gguf"
    odd.write_bytes(source.read_bytes().replace(b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0qwen2",
                                                b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0qwenx"))  # fmt: skip
    error = refusal(odd, tmp_path / "out.gguf", "Q4_K_M")
    assert isinstance(error, ExportFailed)
    assert "qwenx" in error.hint


def test_that_a_disk_that_fills_up_under_llama_cpp_is_a_full_disk(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        error = refusal(source, tmp_path / "out.gguf", "Q8_0")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(error, DiskFull)
    assert "more are needed" in error.sentence
