"""NF4 weights held against bitsandbytes itself, on the CPU: every value bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arny_studio.engine.gguf_writer import write_gguf_f16
from arny_studio.engine.merge import merged_tensors
from arny_studio.engine.safetensors_reading import open_weights
from arny_studio.errors import BadInput
from tests.tiny_models import make_tiny_adapter, make_tiny_base

torch = pytest.importorskip("torch")
bitsandbytes = pytest.importorskip("bitsandbytes")
safetensors_torch = pytest.importorskip("safetensors.torch")

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def quantized(weight: torch.Tensor, *, nested: bool, block: int = 64) -> dict[str, torch.Tensor]:
    """A weight as bitsandbytes' Linear4bit stores it, under the name `w`."""
    packed, state = bitsandbytes.functional.quantize_4bit(
        weight, blocksize=block, compress_statistics=nested, quant_type="nf4"
    )
    return {"w": packed} | {f"w.{name}": value for name, value in state.as_dict(packed=True).items()}


def expected(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    parts = {name.removeprefix("w."): value for name, value in tensors.items() if name != "w"}
    state = bitsandbytes.functional.QuantState.from_dict(parts, device=torch.device("cpu"))
    return bitsandbytes.functional.dequantize_4bit(tensors["w"], state)


def stored(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    safetensors_torch.save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors"
    )
    return folder


@pytest.mark.parametrize("dtype", list(DTYPES))
@pytest.mark.parametrize("nested", [True, False], ids=["nested", "plain"])
@pytest.mark.parametrize(("rows", "columns", "block"), [(96, 896, 64), (37, 384, 128), (300, 64, 64)])
def test_that_every_value_is_the_one_bitsandbytes_computes(
    tmp_path: Path, dtype: str, nested: bool, rows: int, columns: int, block: int
) -> None:
    torch.manual_seed(rows + columns)
    weight = (torch.randn(rows, columns) * torch.rand(rows, 1) * 3).to(DTYPES[dtype])
    tensors = quantized(weight, nested=nested, block=block)
    truth = expected(tensors)
    assert truth.dtype == DTYPES[dtype]
    with open_weights(stored(tmp_path, tensors)) as weights:
        assert weights["w"].shape == (rows, columns)
        whole = weights.whole("w")
        parts = [weights.rows("w", start, min(start + 7, rows)) for start in range(0, rows, 7)]
    assert np.array_equal(whole.view(np.uint32), truth.float().numpy().view(np.uint32))
    assert np.array_equal(np.concatenate(parts).view(np.uint32), whole.view(np.uint32))


def nf4_base(folder: Path) -> Path:
    """A tiny base whose linear layers are NF4 with nested quantization, as the presets' `…-bnb-4bit` bases are."""
    make_tiny_base(folder, dtype="bfloat16")
    plain = safetensors_torch.load_file(folder / "model.safetensors")
    tensors: dict[str, torch.Tensor] = {}
    for name, value in plain.items():
        if name.endswith("_proj.weight"):
            parts = quantized(value, nested=True)
            tensors |= {name + part.removeprefix("w"): tensor for part, tensor in parts.items()}
        else:
            tensors[name] = value
    stored(folder, tensors)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": "bfloat16",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_that_an_adapter_on_an_nf4_base_becomes_an_f16_file(tmp_path: Path) -> None:
    base = nf4_base(tmp_path / "base")
    adapter = make_tiny_adapter(tmp_path / "adapter", base, rslora=True)
    name = "model.layers.0.self_attn.q_proj.weight"
    with merged_tensors(base, adapter) as model:
        assert model.config.quantization == "bitsandbytes NF4"
        merged = next(np.concatenate(list(tensor.blocks())) for tensor in model.tensors if tensor.name == name)
    tensors = safetensors_torch.load_file(base / "model.safetensors")
    own = expected({"w" + key.removeprefix(name): value for key, value in tensors.items() if key.startswith(name)})
    low_rank = safetensors_torch.load_file(adapter / "adapter_model.safetensors")
    up, down = (low_rank[f"base_model.model.{name[:-7]}.lora_{half}.weight"] for half in "BA")
    truth = own.float() + (up @ down) * (8 / 4**0.5)
    assert np.allclose(merged, truth.numpy(), rtol=0, atol=1e-6)
    write_gguf_f16(base, adapter, tmp_path / "out.gguf", on_progress=lambda _done, _total: None)
    assert (tmp_path / "out.gguf").stat().st_size > 2_000_000


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda tensors: tensors.pop("w.absmax"), "w.absmax is missing"),
        (lambda tensors: tensors.update({"w": tensors["w"][:-3]}), "w has"),
        (lambda tensors: tensors.update({"w.nested_absmax": tensors["w.nested_absmax"][:-1]}), "w.nested_absmax has"),
        (
            lambda tensors: tensors.update(
                {"w.quant_state.bitsandbytes__nf4": torch.frombuffer(bytearray(b"[1, 2"), dtype=torch.uint8)}
            ),
            "cannot be read",
        ),
        (lambda tensors: tensors.update({"w.SCB": torch.ones(4)}), "LLM.int8"),
        (
            lambda tensors: tensors.update(
                {"v.quant_state.bitsandbytes__fp4": tensors["w.quant_state.bitsandbytes__nf4"].clone()}
            ),
            "FP4",
        ),
    ],
    ids=["no scales", "short codes", "short outer scales", "torn description", "8 bits", "FP4"],
)
def test_that_damaged_or_other_quantization_is_refused_with_the_tensor(tmp_path: Path, spoil, said: str) -> None:
    tensors = quantized(torch.randn(64, 256), nested=True)
    spoil(tensors)
    with pytest.raises(BadInput, match=said), open_weights(stored(tmp_path, tensors)):
        pass
