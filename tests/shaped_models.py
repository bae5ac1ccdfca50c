"""Checkpoints of the exact Qwen2.5 shapes with random weights and the real Qwen2 vocabulary, for slow tests and benches.

The vocabulary lies in the source distribution of llama-cpp-python (`models/ggml-vocab-qwen2.gguf`), which
`fetch_llama_cpp_source` gets from the package index; nothing of it is kept in this repository.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.tokenizer_training import QWEN2_SPLIT, write_tokenizer_files
from tests.tiny_models import write_safetensors

ShapeName = Literal["0.5B", "1.5B"]
SHAPES: dict[str, dict[str, int]] = {
    "0.5B": {"hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "intermediate_size": 4864},
    "1.5B": {"hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12, "intermediate_size": 8960},
}
VOCAB, KV_HEADS, CONTROL = 151_936, 2, 3
_NOISE_VALUES = 1 << 22


def fetch_llama_cpp_source(folder: Path) -> Path:
    """The `vendor/llama.cpp` folder of the source distribution that belongs to the installed llama-cpp-python."""
    wanted = f"llama-cpp-python=={version('llama-cpp-python')}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "llama-cpp-python", wanted]
    done = subprocess.run([*command, "--dest", str(folder)], capture_output=True, text=True, check=False)
    assert not done.returncode, f"{wanted} cannot be fetched: {done.stderr[-500:]}"
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (source,) = folder.glob("*/vendor/llama.cpp")
    return source


def make_shaped_base(folder: Path, shape: str, source: Path) -> Path:
    """A Qwen2.5 folder of this shape in bfloat16, tied, with the vocabulary of llama.cpp's source; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer_files(qwen2_tokenizer(source), folder, max_length=32_768)
    config = SHAPES[shape] | {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "num_key_value_heads": KV_HEADS,
        "vocab_size": VOCAB, "max_position_embeddings": 32_768, "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0,
        "hidden_act": "silu", "attention_dropout": 0.0, "initializer_range": 0.02, "tie_word_embeddings": True,
        "use_sliding_window": False, "use_cache": True, "torch_dtype": "bfloat16", "bos_token_id": 151_643,
        "eos_token_id": 151_645, "pad_token_id": 151_643,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    _write_weights(folder / "model.safetensors", _shapes(config))
    return folder


def make_shaped_adapter(folder: Path, base: Path, *, r: int = 16) -> Path:
    """A LoRA on all linear layers of a shaped base; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((base / "config.json").read_text())
    rng = np.random.default_rng(1)
    weights: dict[str, Any] = {}
    for name, shape in _shapes(config).items():
        if name.endswith("_proj.weight"):
            module = f"base_model.model.{name.removesuffix('.weight')}"
            weights[f"{module}.lora_A.weight"] = (rng.standard_normal((r, shape[1])) * 0.02).astype(np.float32)
            weights[f"{module}.lora_B.weight"] = (rng.standard_normal((shape[0], r)) * 0.02).astype(np.float32)
    write_safetensors(folder / "adapter_model.safetensors", weights, "float32")
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    said = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(base), "r": r, "lora_alpha": r,
        "lora_dropout": 0.0, "target_modules": targets, "bias": "none", "use_rslora": False, "use_dora": False,
        "fan_in_fan_out": False, "inference_mode": True, "modules_to_save": None,
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(said))
    return folder


def qwen2_tokenizer(source: Path) -> Tokenizer:
    """The real tokenizer, put together again from the GGUF that holds only a vocabulary."""
    info = check_gguf(source / "models" / "ggml-vocab-qwen2.gguf")
    tokens, kinds = info.values("tokenizer.ggml.tokens"), info.values("tokenizer.ggml.token_type")
    special = [text for text, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
    plain = {text: number for number, (text, kind) in enumerate(zip(tokens, kinds, strict=True)) if kind == 1}
    merges = [tuple(merge.split(" ")) for merge in info.values("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab=plain, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return tokenizer


def _shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    hidden, ffn, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    keys = KV_HEADS * (hidden // heads)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCAB, hidden)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name, rows in (("q_proj", hidden), ("k_proj", keys), ("v_proj", keys)):
            shapes |= {f"{at}.self_attn.{name}.weight": (rows, hidden), f"{at}.self_attn.{name}.bias": (rows,)}
        shapes[f"{at}.self_attn.o_proj.weight"] = (hidden, hidden)
        shapes |= {f"{at}.mlp.{name}.weight": (ffn, hidden) for name in ("gate_proj", "up_proj")}
        shapes[f"{at}.mlp.down_proj.weight"] = (hidden, ffn)
        shapes |= {f"{at}.{norm}.weight": (hidden,) for norm in ("input_layernorm", "post_attention_layernorm")}
    return shapes | {"model.norm.weight": (hidden,)}


def _write_weights(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Noise, streamed: one block of it, read from another place for every tensor."""
    noise = (np.random.default_rng(0).standard_normal(_NOISE_VALUES) * 0.02).astype(np.float32)
    bits = (noise.view(np.uint32) >> 16).astype(np.uint16)
    ones = ((1 + noise).view(np.uint32) >> 16).astype(np.uint16)
    entries, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + 2 * int(np.prod(shape))
        entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps({"__metadata__": {"format": "pt"}} | entries).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for number, (name, shape) in enumerate(shapes.items()):
            values = ones if "norm" in name else bits
            left, start = int(np.prod(shape)), (number * 7919) % (_NOISE_VALUES // 2)
            while left:
                part = values[start : start + left]
                file.write(part.tobytes())
                left, start = left - part.size, 0
