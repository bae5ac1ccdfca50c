"""What a Hugging Face model folder says about itself: shape, tokenizer, names, licence. Reads no weights.

Covers the Qwen2 architecture (Qwen2 and Qwen2.5). Anything else is refused by name, since a model whose parts we do not
know would come out wrong without a word.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from msgspec import Struct

from arny_studio.errors import BadInput, MissingFile
from arny_studio.recipe.licences import licence_of

ARCHITECTURE = "Qwen2ForCausalLM"
ORIGIN = "origin.json"  # in a downloaded folder, written last: the Hub id and commit
_LAYER_NORMS = ("input_layernorm", "post_attention_layernorm")
_CACHED = re.compile(r"/models--([\w.-]+?)--([\w.-]+)/snapshots/([^/]+)$")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_LARGEST = {"num_hidden_layers": 1024, "vocab_size": 2_000_000}
_LARGEST_OTHERWISE = 1_000_000


class ModelConfig(Struct, frozen=True, kw_only=True):
    """The shape of a Qwen2 model, from config.json; `raw` is all of that file."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    is_tied: bool
    raw: dict[str, Any]
    quantization: str = ""  # bitsandbytes NF4, where the weights are stored in it

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape (rows first) of every tensor that the base has to hold, in the order they are written."""
        shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocab, self.hidden)}
        for layer in range(self.layers):
            shapes |= self._layer_shapes(f"model.layers.{layer}")
        shapes["model.norm.weight"] = (self.hidden,)
        if not self.is_tied:
            shapes["lm_head.weight"] = (self.vocab, self.hidden)
        return shapes

    def _layer_shapes(self, layer: str) -> dict[str, tuple[int, ...]]:
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes: dict[str, tuple[int, ...]] = {f"{layer}.{norm}.weight": (self.hidden,) for norm in _LAYER_NORMS}
        for name, rows in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
            shapes[f"{layer}.self_attn.{name}.weight"] = (rows, self.hidden)
            shapes[f"{layer}.self_attn.{name}.bias"] = (rows,)
        shapes[f"{layer}.self_attn.o_proj.weight"] = (self.hidden, queries)
        shapes[f"{layer}.mlp.gate_proj.weight"] = (self.ffn, self.hidden)
        shapes[f"{layer}.mlp.up_proj.weight"] = (self.ffn, self.hidden)
        shapes[f"{layer}.mlp.down_proj.weight"] = (self.hidden, self.ffn)
        return shapes


class ModelCard(Struct, frozen=True, kw_only=True):
    """What the folder's README states about origin and terms; empty where it says nothing."""

    name: str
    license: str = ""
    license_name: str = ""
    license_link: str = ""
    base_models: tuple[str, ...] = ()


def read_config(folder: Path) -> ModelConfig:
    """config.json of a base. Raises MissingFile or BadInput: no folder, no file, another architecture, quantized, …"""
    if not folder.is_dir():
        raise MissingFile(
            f"There is no model folder at {folder}.",
            hint="Give the folder that holds config.json and model.safetensors.",
        )
    path = folder / "config.json"
    if not path.is_file():
        raise MissingFile(f"{folder} has no config.json, so it is no Hugging Face model folder.")
    raw = read_json_object(path)
    _check_architecture(path, raw)
    return _shape_from(path, raw)


def tokenizer_folder(base: Path, adapter: Path | None) -> Path:
    """Where the tokenizer is read from: the adapter's folder if training left one there, else the base's.

    Training may have changed EOS and chat template; what was trained is what has to be served.
    """
    if adapter is not None and all((adapter / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        return adapter
    return base


def read_model_card(folder: Path) -> ModelCard:
    """Name, licence and origin from the README's YAML head, and the name from config.json or the folder.

    Without a README the licence is that of the folder's LICENSE, or of a model that is known by its name.
    """
    head = _card_head(folder / "README.md")
    base = head.get("base_model")
    bases = [base] if isinstance(base, str) else base if isinstance(base, list) else []
    return ModelCard(
        name=_stated_name(folder),
        license=_text(head.get("license")) or licence_of(str(folder)).id,
        license_name=_text(head.get("license_name")),
        license_link=_text(head.get("license_link")),
        base_models=tuple(str(name) for name in bases),
    )


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises BadInput, saying where the text stops being JSON."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not readable JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path} holds no JSON object.")
    return value


def _check_architecture(path: Path, raw: dict[str, Any]) -> None:
    named = raw.get("architectures")
    architecture = named[0] if isinstance(named, list) and named else raw.get("model_type")
    if architecture != ARCHITECTURE:
        raise BadInput(
            f"{path} says that this is a {architecture}; only {ARCHITECTURE} (Qwen2 and Qwen2.5) can be exported."
        )
    _quantization(path, raw)
    if raw.get("use_sliding_window"):
        raise BadInput(f"{path} turns on use_sliding_window, which llama.cpp does not do for Qwen2.")


def _quantization(path: Path, raw: dict[str, Any]) -> str:
    """How the weights are stored; empty for 16 and 32 bits. Raises BadInput for what cannot be read back."""
    stated = raw.get("quantization_config")
    if not stated:
        return ""
    said = stated if isinstance(stated, dict) else {}
    method, kind = said.get("quant_method", "an unknown method"), said.get("bnb_4bit_quant_type", "fp4")
    if method == "bitsandbytes" and said.get("load_in_4bit") and kind == "nf4":
        return "bitsandbytes NF4"
    if method == "bitsandbytes":
        method = f"bitsandbytes {kind.upper() if said.get('load_in_4bit') else '8-bit'}"
    raise BadInput(
        f"{path} says that these weights are quantized ({method}); export reads 16-bit weights and bitsandbytes NF4.",
        hint="Use the folder of the unquantized base; adapters trained on its quantized version fit it.",
    )


def _shape_from(path: Path, raw: dict[str, Any]) -> ModelConfig:
    hidden, heads = _extent(path, raw, "hidden_size"), _extent(path, raw, "num_attention_heads")
    head_dim = _extent(path, raw, "head_dim") if raw.get("head_dim") is not None else hidden // heads
    kv_heads = _extent(path, raw, "num_key_value_heads") if raw.get("num_key_value_heads") is not None else heads
    if head_dim == 0 or heads % kv_heads:
        raise BadInput(f"{path}: {heads} attention heads do not divide into {kv_heads} key-value heads of {head_dim}.")
    return ModelConfig(
        layers=_extent(path, raw, "num_hidden_layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        ffn=_extent(path, raw, "intermediate_size"),
        vocab=_extent(path, raw, "vocab_size"),
        is_tied=bool(raw.get("tie_word_embeddings", False)),
        raw=raw,
        quantization=_quantization(path, raw),
    )


def _extent(path: Path, raw: dict[str, Any], key: str) -> int:
    value = raw.get(key)
    largest = _LARGEST.get(key, _LARGEST_OTHERWISE)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise BadInput(f"{path}: {key} should be a whole number from 1 to {largest}, but is {value!r}.")
    return value


def hub_origin(folder: Path) -> tuple[str, str]:
    """Hub id and commit of a folder in the Hub's cache or of a downloaded one; empty where it is neither."""
    cached = _CACHED.search(folder.resolve().as_posix())
    if cached is not None:
        return f"{cached[1]}/{cached[2]}", cached[3]
    try:
        said = read_json_object(folder / ORIGIN)
    except (OSError, BadInput):
        return "", ""
    model = _text(said.get("model"))
    return (model, _text(said.get("commit"))) if _HUB_ID.fullmatch(model) else ("", "")


def _stated_name(folder: Path) -> str:
    """The Hub id of the folder, where its origin or config.json tells it, else the folder's name."""
    hub_id, _ = hub_origin(folder)
    if hub_id:
        return hub_id
    path = folder / "config.json"
    named = read_json_object(path).get("_name_or_path") if path.is_file() else None
    if isinstance(named, str) and _HUB_ID.fullmatch(named) and not named.startswith("."):
        return named
    return folder.resolve().name


def _card_head(readme: Path) -> dict[str, Any]:
    """The YAML between the first two `---` lines; an unreadable one says nothing, as a README is for people."""
    import yaml

    if not readme.is_file():
        return {}
    match = re.match(r"---\r?\n(.*?)\r?\n---\s*(\n|$)", readme.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    try:
        head = yaml.safe_load(match[1]) if match else None
    except yaml.YAMLError:
        return {}
    return head if isinstance(head, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
