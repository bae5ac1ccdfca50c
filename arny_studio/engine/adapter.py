"""A PEFT LoRA adapter on disk: what it changes in which tensor of its base. Knows nothing of GGUF or torch.

ΔW = s · B·A with s = alpha / r, or alpha / √r for rsLoRA (Kalajdzievski 2023, arXiv:2312.03732). Tensors that the
adapter carries whole (`modules_to_save`, trained biases) replace the base's. Whatever else an adapter may ask for is
refused, since a merge that leaves it out would be another model than the one that was trained.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from arny_studio.engine.safetensors_reading import FloatRows, Weights, open_weights
from arny_studio.errors import BadInput, MissingFile

_LOW_RANK = re.compile(r"(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<half>[AB])(?:\.default)?(?:\.weight)?")
_REFUSED_FLAGS = {
    "use_dora": "uses DoRA, whose magnitudes cannot be merged here",
    "lora_bias": "trains a bias inside LoRA (lora_bias), which cannot be merged here",
    "fan_in_fan_out": "stores its weights transposed (fan_in_fan_out), which no Qwen2 model does",
    "layer_replication": "replicates layers (layer_replication), which cannot be merged into the base",
    "trainable_token_indices": "trains single tokens (trainable_token_indices), which cannot be merged here",
    "ensure_weight_tying": "ties the embeddings it trains (ensure_weight_tying), which cannot be merged here",
    "use_qalora": "uses QALoRA, which cannot be merged here",
    "alora_invocation_tokens": "is an activated LoRA (alora_invocation_tokens), which must not be merged",
}
_BASE_KEEPING_STARTS = (True, False, None, "gaussian", "eva", "orthogonal")


class AdapterConfig(Struct, frozen=True, kw_only=True):
    """The part of adapter_config.json that a merge depends on."""

    r: int
    alpha: float
    is_rank_stabilized: bool = False
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}
    base_model: str = ""

    def scale(self, module: str) -> float:
        """The factor on B·A for `module`, such as model.layers.0.self_attn.q_proj."""
        alpha, rank = _by_pattern(self.alpha_pattern, module, self.alpha), self.rank(module)
        return alpha / (math.sqrt(rank) if self.is_rank_stabilized else rank)

    def rank(self, module: str) -> int:
        """Rank of the adapter on `module`."""
        return _by_pattern(self.rank_pattern, module, self.r)


class LowRankUpdate(Struct, frozen=True, kw_only=True):
    """ΔW of one weight: `scale · up[rows] @ down`, with `up` of shape (rows, r) and `down` of shape (r, columns)."""

    down: FloatRows
    up: FloatRows
    scale: float

    def rows(self, start: int, stop: int) -> FloatRows:
        """Rows `start:stop` of ΔW as float32."""
        return (self.up[start:stop] @ self.down) * np.float32(self.scale)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weight it belongs to."""
        return self.up.shape[0], self.down.shape[1]


class Adapter:
    """An open adapter. Tensors are named as in the base (`model.layers.0.self_attn.q_proj.weight`)."""

    def __init__(self, folder: Path, config: AdapterConfig, weights: Weights) -> None:
        self.folder = folder
        self.config = config
        self.weights = weights
        self._halves, self._whole = _sorted_by_target(folder, weights)

    @property
    def touched(self) -> set[str]:
        """Names of the base tensors that it changes or replaces."""
        return set(self._halves) | set(self._whole)

    def replacement(self, tensor: str) -> tuple[Weights, str] | None:
        """Where the tensor that stands in for the base's lies, if the adapter carries it whole."""
        stored = self._whole.get(tensor)
        return None if stored is None else (self.weights, stored)

    def replacement_shape(self, tensor: str) -> tuple[int, ...] | None:
        """Shape of the tensor that stands in for the base's, if any."""
        stored = self._whole.get(tensor)
        return None if stored is None else self.weights[stored].shape

    def has_update(self, tensor: str) -> bool:
        """Whether a low-rank update is to be added to a base tensor."""
        return tensor in self._halves

    def update(self, tensor: str) -> LowRankUpdate | None:
        """The low-rank update of a base tensor, if any; its factors are held in memory (a few MiB)."""
        halves = self._halves.get(tensor)
        if halves is None:
            return None
        module = tensor.removesuffix(".weight")
        first, second = (self._finite(halves[half]) for half in "AB")
        if "lora_embedding_" in halves["A"]:
            first, second = second.T, first.T  # ΔW of an embedding is (B·A)ᵀ
        update = LowRankUpdate(down=first, up=second, scale=self.config.scale(module))
        _check_rank(self.folder, module, update, self.config.rank(module))
        return update

    def _finite(self, stored: str) -> FloatRows:
        values = self.weights.whole(stored)
        if not np.isfinite(values).all():
            raise BadInput(f"Tensor {stored} of the adapter {self.folder} contains NaN or Inf.")
        return values


@contextmanager
def open_adapter(folder: Path) -> Iterator[Adapter]:
    """The adapter in `folder`. Raises MissingFile or BadInput where it is missing, damaged or of a kind we cannot merge."""
    config = read_adapter_config(folder)
    with open_weights(folder, "adapter_model") as weights:
        yield Adapter(folder, config, weights)


def read_adapter_config(folder: Path) -> AdapterConfig:
    """adapter_config.json, checked to be a LoRA that can be merged."""
    path = folder / "adapter_config.json"
    if not path.is_file():
        raise MissingFile(f"There is no adapter at {folder}: it has no adapter_config.json.")
    raw = _object_in(path)
    if raw.get("peft_type") != "LORA":
        raise BadInput(f"{path} is a {raw.get('peft_type')} adapter; only LoRA adapters can be merged.")
    for flag, what in _REFUSED_FLAGS.items():
        if raw.get(flag):
            raise BadInput(f"The adapter {folder} {what}.", hint="Train again with plain LoRA or rsLoRA.")
    if raw.get("init_lora_weights", True) not in _BASE_KEEPING_STARTS:
        raise BadInput(
            f"The adapter {folder} started from {raw['init_lora_weights']!r}, which changes the base's own weights.",
            hint="Convert it to a plain LoRA with PEFT before exporting it.",
        )
    return _config_from(raw, path)


def _config_from(raw: dict[str, Any], path: Path) -> AdapterConfig:
    rank, alpha = raw.get("r"), raw.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
        raise BadInput(f"{path} gives no usable r and lora_alpha (found {rank!r} and {alpha!r}).")
    return AdapterConfig(
        r=rank,
        alpha=float(alpha),
        is_rank_stabilized=bool(raw.get("use_rslora")),
        rank_pattern=raw.get("rank_pattern") or {},
        alpha_pattern=raw.get("alpha_pattern") or {},
        base_model=str(raw.get("base_model_name_or_path") or ""),
    )


def _sorted_by_target(folder: Path, weights: Weights) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Stored names by base tensor: the halves of low-rank updates, and tensors that are there whole."""
    halves: dict[str, dict[str, str]] = {}
    whole: dict[str, str] = {}
    for stored in weights.tensors:
        name = stored.removeprefix("base_model.model.")
        low_rank = _LOW_RANK.fullmatch(name)
        if low_rank is not None:
            halves.setdefault(f"{low_rank['module']}.weight", {})[low_rank["half"]] = stored
        else:
            whole[re.sub(r"\.(base_layer|modules_to_save(\.default)?)\.", ".", name)] = stored
    for tensor, found in halves.items():
        if set(found) != {"A", "B"}:
            missing = "B" if "A" in found else "A"
            raise BadInput(f"The adapter {folder} has only half of its update of {tensor}: lora_{missing} is missing.")
    return halves, whole


def _check_rank(folder: Path, module: str, update: LowRankUpdate, expected: int) -> None:
    found = (update.up.shape[1], update.down.shape[0])
    if found != (expected, expected):
        raise BadInput(
            f"The adapter {folder} should have rank {expected} on {module}, as its adapter_config.json says, but its"
            f" factors have {found[0]} and {found[1]}."
        )


def _by_pattern(patterns: dict[str, Any], module: str, otherwise: Any) -> Any:
    """PEFT's rule: a key matches the end of the module's path, from a dot on, as a regular expression."""
    for pattern, value in patterns.items():
        try:
            is_match = re.fullmatch(rf"(.*\.)?({pattern})", module)
        except re.error as error:
            raise BadInput(
                f"adapter_config.json has the pattern {pattern!r}, which cannot be read: {error}."
            ) from error
        if is_match:
            return value
    return otherwise


def _object_in(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path} is not a JSON object.")
    return value
