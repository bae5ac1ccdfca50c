"""Which type llama.cpp gives each tensor of a Qwen2 model under a quantization, and so how large the file will be.

Follows `llama_tensor_get_type_impl` in llama.cpp's src/llama-quant.cpp (llama-cpp-python 0.3.36) for the formats offered
here; a test holds it equal to what `llama_model_quantize` writes, so that a new release cannot drift silently.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from msgspec import Struct

from arny_studio.engine.gguf_check import GgufTensor
from arny_studio.recipe import Quant

_Type = GGMLQuantizationType

FILE_TYPES: dict[Quant, LlamaFileType] = {
    "F16": LlamaFileType.MOSTLY_F16,
    "Q8_0": LlamaFileType.MOSTLY_Q8_0,
    "Q6_K": LlamaFileType.MOSTLY_Q6_K,
    "Q5_K_M": LlamaFileType.MOSTLY_Q5_K_M,
    "Q4_K_M": LlamaFileType.MOSTLY_Q4_K_M,
    "Q4_0": LlamaFileType.MOSTLY_Q4_0,
}
_MAIN_TYPE: dict[Quant, GGMLQuantizationType] = {
    "F16": _Type.F16,
    "Q8_0": _Type.Q8_0,
    "Q6_K": _Type.Q6_K,
    "Q5_K_M": _Type.Q5_K,
    "Q4_K_M": _Type.Q4_K,
    "Q4_0": _Type.Q4_0,
}
_FALLBACK = {_Type.Q4_K: _Type.Q5_0, _Type.Q5_K: _Type.Q5_1, _Type.Q6_K: _Type.Q8_0}  # for rows of odd length
_MIXED: tuple[Quant, ...] = ("Q4_K_M", "Q5_K_M")  # more bits for some layers' value and down projections
_RAISED = re.compile(r"blk\.(\d+)\.(attn_v|ffn_down)\.weight")


class PredictedTensor(Struct, frozen=True, kw_only=True):
    """The type a tensor gets. `wanted` differs from `type` where its rows do not fit the wanted type's blocks."""

    name: str
    type: GGMLQuantizationType
    wanted: GGMLQuantizationType
    nbytes: int

    @property
    def is_fallback(self) -> bool:
        """Whether llama.cpp stores it in another type than the format is named for."""
        return self.type is not self.wanted


def predicted_tensors(tensors: Sequence[GgufTensor], quant: Quant) -> list[PredictedTensor]:
    """The tensors of an F16 file after quantizing."""
    is_tied = all(tensor.name != "output.weight" for tensor in tensors)
    layers = sum(1 for tensor in tensors if re.fullmatch(r"blk\.\d+\.attn_v\.weight", tensor.name))
    return [_predicted(tensor, quant, is_tied=is_tied, layers=layers) for tensor in tensors]


def predicted_bytes(tensors: Sequence[GgufTensor], data_start: int, quant: Quant) -> int:
    """Size of the quantized file; exact, since the header keeps its length of `data_start` bytes."""
    return data_start + sum(tensor.nbytes + (-tensor.nbytes % 32) for tensor in predicted_tensors(tensors, quant))


def _predicted(tensor: GgufTensor, quant: Quant, *, is_tied: bool, layers: int) -> PredictedTensor:
    stored = _Type[tensor.type]
    wanted = _wanted(tensor, quant, is_tied=is_tied, layers=layers) if _is_quantized(tensor) else stored
    fitting = _fitting(wanted, tensor.shape[0])
    return PredictedTensor(name=tensor.name, type=fitting, wanted=wanted, nbytes=_nbytes(tensor.shape, fitting))


def _is_quantized(tensor: GgufTensor) -> bool:
    return len(tensor.shape) > 1 and tensor.name.endswith("weight") and "_norm.weight" not in tensor.name


def _wanted(tensor: GgufTensor, quant: Quant, *, is_tied: bool, layers: int) -> GGMLQuantizationType:
    main = _MAIN_TYPE[quant]
    if quant == "F16":
        return _Type[tensor.type]
    is_output = tensor.name == "output.weight" or (is_tied and tensor.name == "token_embd.weight")
    if is_output:
        return _Type.Q8_0 if main is _Type.Q8_0 else _Type.Q6_K
    raised = _RAISED.fullmatch(tensor.name)
    if raised is not None and quant in _MIXED and _gets_more_bits(int(raised[1]), layers):
        return _Type.Q6_K
    return main


def _gets_more_bits(layer: int, layers: int) -> bool:
    """The first and last eighth of the layers, and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _fitting(wanted: GGMLQuantizationType, row_length: int) -> GGMLQuantizationType:
    for kind in (wanted, _FALLBACK.get(wanted, wanted)):
        if row_length % GGML_QUANT_SIZES[kind][0] == 0:
            return kind
    return _Type.F16


def _nbytes(shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    block_values, block_bytes = GGML_QUANT_SIZES[kind]
    return prod(shape) // block_values * block_bytes


def bits_per_weight(quant: Quant) -> float:
    """Bits a weight takes in the format's main type, such as 4.5 for Q4_K."""
    block_values, block_bytes = GGML_QUANT_SIZES[_MAIN_TYPE[quant]]
    return 8 * block_bytes / block_values
