"""An adapter alone as GGUF: over the base's GGUF it has to be the merged model, by llama.cpp's own arithmetic."""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_naming import label_model
from arny_studio.engine.gguf_verify import verify_gguf
from arny_studio.engine.gguf_writer import write_gguf_f16
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.lora_gguf import predicted_lora_bytes, write_lora_gguf
from arny_studio.errors import BadInput
from tests.tiny_models import make_tiny_adapter, make_tiny_base

llama_cpp: Any = pytest.importorskip("llama_cpp.llama_cpp")
IDS = [3, 17, 42, 99, 7, 250]


def silently(_done: int, _total: int) -> None:
    return


def write(adapter: Path, base: Path, out: Path) -> Path:
    write_lora_gguf(adapter, label_model(base, adapter, parameters=1_000_000), 2, out)
    return out


def logits_with(gguf: Path, lora: Path | None = None) -> np.ndarray:
    with LlamaSession.open(gguf, context=256, threads=1) as session:
        if lora is not None:
            held = llama_cpp.llama_adapter_lora_init(session._model, os.fsencode(lora))
            assert held, "llama.cpp refuses the adapter"
            adapters, scales = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(held), (ctypes.c_float * 1)(1.0)
            assert llama_cpp.llama_set_adapters_lora(session._context, adapters, 1, scales) == 0
        return session.append(IDS)


@pytest.mark.parametrize("options", [{}, {"rslora": True, "r": 8}, {"alpha": 3, "targets": ("q_proj", "down_proj")}])
def test_that_base_and_lora_gguf_together_are_the_merged_model(tmp_path: Path, options: dict[str, Any]) -> None:
    base = make_tiny_base(tmp_path / "base")
    adapter = make_tiny_adapter(tmp_path / "adapter", base, **options)
    write_gguf_f16(base, None, tmp_path / "base.gguf", on_progress=silently)
    write_gguf_f16(base, adapter, tmp_path / "merged.gguf", on_progress=silently)
    lora = write(adapter, base, tmp_path / "lora.gguf")
    plain, merged = logits_with(tmp_path / "base.gguf"), logits_with(tmp_path / "merged.gguf")
    laid_over = logits_with(tmp_path / "base.gguf", lora)
    assert np.abs(laid_over - merged).max() < 0.02 * np.abs(merged - plain).max()
    assert 0 <= predicted_lora_bytes(adapter) - lora.stat().st_size < 32_768


def test_that_ranks_and_alphas_by_module_are_carried_over(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base")
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["alpha_pattern"] = {"q_proj": 64, "down_proj": 1}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    write_gguf_f16(base, None, tmp_path / "base.gguf", on_progress=silently)
    write_gguf_f16(base, adapter, tmp_path / "merged.gguf", on_progress=silently)
    lora = write(adapter, base, tmp_path / "lora.gguf")
    plain, merged = logits_with(tmp_path / "base.gguf"), logits_with(tmp_path / "merged.gguf")
    assert np.abs(logits_with(tmp_path / "base.gguf", lora) - merged).max() < 0.02 * np.abs(merged - plain).max()


def test_that_it_says_what_it_is(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "tiny-qwen")
    info = check_gguf(write(make_tiny_adapter(tmp_path / "adapter", base), base, tmp_path / "lora.gguf"))
    assert (info.text("general.type"), info.text("adapter.type")) == ("adapter", "lora")
    assert info.metadata["adapter.lora.alpha"] == 8.0
    assert info.text("general.base_model.0.name") == "Tiny Qwen"
    assert {tensor.type for tensor in info.tensors} == {"F16"}


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    base = make_tiny_base(tmp_path / "base", layers=1)
    return write(make_tiny_adapter(tmp_path / "adapter", base), base, tmp_path / "lora.gguf")


def checks_of(lora: Path) -> dict[str, str]:
    """What is said about each check that was not passed."""
    return {check.name: check.says for check in verify_gguf(lora) if not check.passed}


def test_that_half_a_pair_and_a_name_of_no_model_are_found(lora: Path) -> None:
    assert checks_of(lora) == {}
    raw = lora.read_bytes()
    lora.write_bytes(raw.replace(b"blk.0.attn_q.weight.lora_b", b"blk.0.attn_k.weight.lora_c"))
    assert "is no half of an update" in checks_of(lora)["tensors"]
    lora.write_bytes(raw.replace(b"blk.0.attn_q.weight", b"blk.9.attn_q.weight", 1))
    assert checks_of(lora)["tensors"].endswith("is only half there: lora_a.")
    lora.write_bytes(raw.replace(b"blk.0.attn_q", b"blk.0.attn_z"))
    assert "blk.0.attn_z.weight.lora_a" in checks_of(lora)["tensors"]


def test_that_nan_in_an_update_names_its_tensor(lora: Path) -> None:
    tensor = check_gguf(lora).tensors[3]
    raw = bytearray(lora.read_bytes())
    raw[tensor.start + tensor.nbytes - 2 : tensor.start + tensor.nbytes] = np.float16(np.nan).tobytes()
    lora.write_bytes(raw)
    assert checks_of(lora)["values"] == f"The tensor {tensor.name} holds NaN or Inf."


def test_that_whole_tensors_are_refused(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base")
    adapter = make_tiny_adapter(tmp_path / "adapter", base, modules_to_save=("embed_tokens",))
    with pytest.raises(BadInput, match=r"carries model\.embed_tokens\.weight whole"):
        write(adapter, base, tmp_path / "lora.gguf")
    assert not (tmp_path / "lora.gguf").exists()
