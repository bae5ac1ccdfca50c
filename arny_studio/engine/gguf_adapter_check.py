"""Is a LoRA GGUF sound? What llama.cpp needs of an adapter: its kind and scale, whole pairs of one rank, finite values.

An adapter has no vocabulary, template or model of its own, so nothing else can be asked of it without its base.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from gguf import MODEL_ARCH, get_tensor_name_map

from arny_studio.engine.gguf_check import GgufInfo, GgufTensor
from arny_studio.errors import BadInput

_HALVES = ("lora_a", "lora_b")
_READ_BYTES = 1 << 24
_DTYPES = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


def is_adapter(info: GgufInfo) -> bool:
    """Whether the file says that it is an adapter and no model."""
    return info.text("general.type") == "adapter"


def adapter_tensors_in_words(info: GgufInfo) -> str:
    """What the file changes of a model. Raises BadInput with the tensor that is off."""
    alpha = info.metadata.get("adapter.lora.alpha")
    if info.text("adapter.type") != "lora" or not isinstance(alpha, float) or not math.isfinite(alpha):
        raise BadInput("The header does not say that this is a LoRA with a finite alpha.")
    pairs: dict[str, dict[str, GgufTensor]] = {}
    for tensor in info.tensors:
        changed, _, half = tensor.name.rpartition(".")
        if half not in _HALVES or not _belongs_to_qwen2(changed):
            raise BadInput(f"The tensor {tensor.name} is no half of an update of a Qwen2 model.")
        pairs.setdefault(changed, {})[half] = tensor
    ranks = {_rank_of(name, halves) for name, halves in pairs.items()}
    if not ranks:
        raise BadInput("The file changes no tensor.")
    said = f"rank {min(ranks)}" if len(ranks) == 1 else f"ranks {min(ranks)} to {max(ranks)}"
    return f"{len(pairs)} tensors of a model are changed, with {said} and alpha {alpha:g}."


def adapter_values_in_words(info: GgufInfo) -> str:
    """That every value is finite. Raises BadInput with the first tensor that holds NaN or Inf."""
    for tensor in info.tensors:
        if not all(np.isfinite(block).all() for block in _blocks(info, tensor)):
            raise BadInput(f"The tensor {tensor.name} holds NaN or Inf.")
    return "Every value is finite."


def _belongs_to_qwen2(changed: str) -> bool:
    """The name of a weight, such as `blk.0.attn_q.weight`."""
    parts = changed.split(".")
    layers = int(parts[1]) + 1 if parts[0] == "blk" and len(parts) > 1 and parts[1].isdecimal() else 1
    if layers > 1024:
        return False
    known = {names[1] for names in get_tensor_name_map(MODEL_ARCH.QWEN2, layers).mapping.values()}
    return changed.removesuffix(".weight") in known


def _rank_of(name: str, halves: dict[str, GgufTensor]) -> int:
    if len(halves) < len(_HALVES):
        raise BadInput(f"The update of {name} is only half there: {next(iter(halves))}.")
    down, up = (halves[half].shape for half in _HALVES)
    if len(down) != 2 or len(up) != 2 or down[1] != up[0]:
        raise BadInput(
            f"The halves of the update of {name} have the shapes {down} and {up}, which cannot be multiplied."
        )
    return down[1]


def _blocks(info: GgufInfo, tensor: GgufTensor) -> Iterator[np.ndarray]:
    """The values, a few megabytes at a time."""
    dtype = _DTYPES.get(tensor.type)
    if dtype is None:
        raise BadInput(f"The tensor {tensor.name} is {tensor.type}; an adapter is F16 or F32.")
    with info.path.open("rb") as file:
        file.seek(tensor.start)
        left = tensor.nbytes
        while left:
            block = file.read(min(left, _READ_BYTES))
            left -= len(block)
            yield np.frombuffer(block, dtype)
