"""Models small enough to make in a test: the Qwen2 shape with random weights and a tokenizer of their own.

Hidden size 256, so that K-quants do not fall back; head dimension 128. Needs neither torch nor transformers, so every
test may use it. What comes out are ordinary Hugging Face and PEFT folders.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from arny_studio.engine.tokenizer_training import END_OF_TEXT, IM_END, train_tokenizer, write_tokenizer_files

HIDDEN, HEADS, KV_HEADS, HEAD_DIM = 256, 2, 2, 128
ALL_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
Dtype = Literal["float32", "float16", "bfloat16"]

_TEXTS = [
    "Book a flight from Berlin to Lisbon on 3 May for two people, please.",
    "What is the capital of France? Paris is the capital of France.",
    "How much is 15% of 240? It is 36.",
    "Plan my week: a birthday dinner, three workouts and a dentist appointment at 9:30.",
    "You are the router of a personal assistant. Answer with one JSON object and nothing else.",
    '{"intent":"book_flight","primary_journey":"travel_hospitality","journeys":["travel_hospitality"],'
    '"direct_answer":null,"missing_fields":["date"],"needs_clarification":true,"clarification":"When do you want to fly?",'
    '"needs_execution":false,"execution_type":null,"complexity_score":35,"routing_confidence":0.92,'
    '"formatting_style":"friendly"}',
    "Remind me to call Anna tomorrow; also turn off the lights in the kitchen.",
    "Explain why the sky is blue, step by step, in plain words.",
]


def make_tiny_base(
    folder: Path,
    *,
    layers: int = 2,
    seed: int = 0,
    vocab: int = 512,
    ffn: int = 512,
    hidden: int = HIDDEN,
    tied: bool = True,
    dtype: Dtype = "float32",
    shards: int = 1,
    scale: float = 0.05,
) -> Path:
    """A Qwen2 model folder with random weights; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(_TEXTS, vocab)
    write_tokenizer_files(tokenizer, folder)
    config = _config(layers, vocab, ffn, hidden, tied, dtype) | {
        "eos_token_id": tokenizer.token_to_id(IM_END),
        "pad_token_id": tokenizer.token_to_id(END_OF_TEXT),
        "bos_token_id": None,
    }
    _write_json(folder / "config.json", config)
    _write_weights(folder, _random_weights(config, np.random.default_rng(seed), scale), dtype, shards)
    return folder


def make_tiny_adapter(
    folder: Path,
    base: Path,
    *,
    r: int = 4,
    alpha: int = 8,
    seed: int = 0,
    targets: tuple[str, ...] = ALL_TARGETS,
    rslora: bool = False,
    modules_to_save: tuple[str, ...] = (),
    dtype: Dtype = "float32",
    scale: float = 0.05,
) -> Path:
    """A PEFT LoRA folder for `base` whose B is not zero, so that merging it shows; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(seed + 1000)
    _write_json(folder / "adapter_config.json", _adapter_config(base, r, alpha, targets, rslora, modules_to_save))
    weights: dict[str, NDArray[np.float32]] = {}
    for name, (rows, columns) in _linear_shapes(config).items():
        if name.rpartition(".")[2] not in targets:
            continue
        weights[f"base_model.model.{name}.lora_A.weight"] = _normal(rng, (r, columns), scale)
        weights[f"base_model.model.{name}.lora_B.weight"] = _normal(rng, (rows, r), scale)
    for module in modules_to_save:
        path = module if module == "lm_head" else f"model.{module}"
        shape = (config["vocab_size"], config["hidden_size"])
        weights[f"base_model.model.{path}.weight"] = _normal(rng, shape, scale)
    write_safetensors(folder / "adapter_model.safetensors", weights, dtype)
    return folder


def make_tiny_gguf(path: Path, *, layers: int = 2, seed: int = 0, vocab: int = 512, scale: float = 0.05) -> Path:
    """An F16 GGUF of `make_tiny_base`, written by the product's own writer; returns `path`."""
    import tempfile

    from arny_studio.engine.gguf_writer import write_gguf_f16

    with tempfile.TemporaryDirectory() as folder:
        base = make_tiny_base(Path(folder) / "base", layers=layers, seed=seed, vocab=vocab, scale=scale)
        write_gguf_f16(base, None, path, name="tiny", on_progress=lambda _done, _total: None)
    return path


def write_safetensors(path: Path, weights: dict[str, NDArray[np.float32]], dtype: Dtype) -> None:
    """`weights` as a safetensors file of one dtype."""
    names = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    blobs: list[bytes] = []
    offset = 0
    for name, values in weights.items():
        blobs.append(_encoded(values, dtype))
        end = offset + len(blobs[-1])
        header[name] = {"dtype": names[dtype], "shape": list(values.shape), "data_offsets": [offset, end]}
        offset = end
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(blobs))


def _config(layers: int, vocab: int, ffn: int, hidden: int, tied: bool, dtype: Dtype) -> dict[str, Any]:
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // HEAD_DIM,
        "num_key_value_heads": hidden // HEAD_DIM,
        "intermediate_size": ffn,
        "vocab_size": vocab,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "hidden_act": "silu",
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "tie_word_embeddings": tied,
        "use_sliding_window": False,
        "use_cache": True,
        "torch_dtype": dtype,
    }


def _linear_shapes(config: dict[str, Any]) -> dict[str, tuple[int, int]]:
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    queries, keys = config["num_attention_heads"] * HEAD_DIM, config["num_key_value_heads"] * HEAD_DIM
    shapes: dict[str, tuple[int, int]] = {}
    for layer in range(config["num_hidden_layers"]):
        attention, mlp = f"model.layers.{layer}.self_attn", f"model.layers.{layer}.mlp"
        shapes |= {f"{attention}.q_proj": (queries, hidden), f"{attention}.o_proj": (hidden, queries)}
        shapes |= {f"{attention}.{name}": (keys, hidden) for name in ("k_proj", "v_proj")}
        shapes |= {f"{mlp}.{name}": (ffn, hidden) for name in ("gate_proj", "up_proj")}
        shapes[f"{mlp}.down_proj"] = (hidden, ffn)
    return shapes


def _random_weights(config: dict[str, Any], rng: np.random.Generator, scale: float) -> dict[str, NDArray[np.float32]]:
    hidden = config["hidden_size"]
    weights = {"model.embed_tokens.weight": _normal(rng, (config["vocab_size"], hidden), scale)}
    for name, shape in _linear_shapes(config).items():
        weights[f"{name}.weight"] = _normal(rng, shape, scale)
        if name.endswith(("q_proj", "k_proj", "v_proj")):
            weights[f"{name}.bias"] = _normal(rng, shape[:1], scale)
    norms = [
        f"model.layers.{layer}.{norm}"
        for layer in range(config["num_hidden_layers"])
        for norm in ("input_layernorm", "post_attention_layernorm")
    ]
    for name in [*norms, "model.norm"]:
        weights[f"{name}.weight"] = 1 + _normal(rng, (hidden,), scale)
    if not config["tie_word_embeddings"]:
        weights["lm_head.weight"] = _normal(rng, (config["vocab_size"], hidden), scale)
    return weights


def _adapter_config(
    base: Path, r: int, alpha: int, targets: tuple[str, ...], rslora: bool, modules_to_save: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": r,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "target_modules": list(targets),
        "modules_to_save": list(modules_to_save) or None,
        "use_rslora": rslora,
        "use_dora": False,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }


def _normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def _write_weights(folder: Path, weights: dict[str, NDArray[np.float32]], dtype: Dtype, shards: int) -> None:
    if shards == 1:
        write_safetensors(folder / "model.safetensors", weights, dtype)
        return
    names, weight_map = list(weights), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        held = names[shard::shards]
        write_safetensors(folder / file, {name: weights[name] for name in held}, dtype)
        weight_map |= dict.fromkeys(held, file)
    _write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def _encoded(values: NDArray[np.float32], dtype: Dtype) -> bytes:
    if dtype == "bfloat16":
        bits = np.ascontiguousarray(values).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()
    return values.astype(dtype).tobytes()


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
