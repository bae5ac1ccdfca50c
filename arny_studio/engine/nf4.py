"""Weights that bitsandbytes stored in 4 bits (NF4), read back as the 16-bit values that bitsandbytes computes from them.

Layout of `bitsandbytes.functional.QuantState.as_dict(packed=True)`: beside the packed weight lie `.absmax`, `.quant_map`,
for nested quantization `.nested_absmax` and `.nested_quant_map`, and `.quant_state.bitsandbytes__nf4`, JSON as bytes.
Two values lie in a byte, the first in its upper half. A value is `quant_map[code] · absmax[block]` in float32, rounded
to the stored dtype; with nested quantization an absmax is `nested_quant_map[code] · nested_absmax[block] + offset`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.errors import BadInput

NF4_DTYPE = "NF4"  # how a dequantized tensor's dtype is named among those of safetensors
_STATE = ".quant_state.bitsandbytes__"
_COMPANIONS = (".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map")
_STORED_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}

Floats = NDArray[np.float32]
ReadBytes = Callable[[str, int, int], bytearray]  # stored name, first byte, number of bytes


class Stored(Protocol):
    """What is asked of a stored tensor."""

    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def file(self) -> Any: ...


class Nf4Tensor(Struct, frozen=True, kw_only=True):
    """One weight in 4 bits: its real shape, and how its scales are stored."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # BF16, F16 or F32: what the values are rounded to
    block: int  # values per scale
    nested_block: int = 0  # scales per scale of scales; 0: scales are float32
    offset: float = 0.0

    @property
    def is_nested(self) -> bool:
        return self.nested_block > 0

    def rows(self, start: int, stop: int, read: ReadBytes) -> Floats:
        """Rows `start:stop` as float32, shape (stop - start, *shape[1:])."""
        row = prod(self.shape[1:])
        first, last = start * row, stop * row
        from_block, to_block = first // self.block, -(-last // self.block)
        begin, end = from_block * self.block, min(to_block * self.block, prod(self.shape))
        packed = np.frombuffer(read(self.name, begin // 2, -(-end // 2) - begin // 2), np.uint8)
        codes = np.empty(2 * packed.size, np.uint8)
        codes[0::2], codes[1::2] = packed >> 4, packed & 0x0F
        scales = np.repeat(self._scales(from_block, to_block, read), self.block)[: end - begin]
        values = _floats(read, f"{self.name}.quant_map", 0, 16)[codes[: end - begin]] * scales
        return _rounded(values[first - begin : last - begin], self.dtype).reshape(stop - start, *self.shape[1:])

    def _scales(self, start: int, stop: int, read: ReadBytes) -> Floats:
        if not self.is_nested:
            return _floats(read, f"{self.name}.absmax", start, stop - start)
        codes = np.frombuffer(read(f"{self.name}.absmax", start, stop - start), np.uint8)
        table = _floats(read, f"{self.name}.nested_quant_map", 0, 256)
        first, last = start // self.nested_block, -(-stop // self.nested_block)
        outer = np.repeat(_floats(read, f"{self.name}.nested_absmax", first, last - first), self.nested_block)
        shift = start - first * self.nested_block
        return table[codes] * outer[shift : shift + codes.size] + np.float32(self.offset)


def nf4_tensors(tensors: Mapping[str, Stored], read: ReadBytes) -> tuple[dict[str, Nf4Tensor], set[str]]:
    """The 4-bit weights among the tensors of a checkpoint, by name, and the names of what only describes them.

    Raises BadInput for 8-bit and FP4 weights, and where the parts of a weight do not add up.
    """
    found: dict[str, Nf4Tensor] = {}
    described: set[str] = set()
    for stored in tensors:
        if stored.endswith((".SCB", ".weight_format")):
            raise _unknown(stored, "bitsandbytes LLM.int8()", tensors[stored])
        name, mark, kind = stored.partition(_STATE)
        if not mark:
            continue
        if kind != "nf4":
            raise _unknown(name, kind.upper(), tensors[stored])
        found[name] = _described(name, stored, tensors, read)
        described |= {stored, *(f"{name}{part}" for part in _COMPANIONS if f"{name}{part}" in tensors)}
    return found, described


def _described(name: str, stored: str, tensors: Mapping[str, Stored], read: ReadBytes) -> Nf4Tensor:
    file = tensors[stored].file
    if name not in tensors:
        raise BadInput(f"{file} describes the 4-bit weight {name}, but does not hold it.")
    try:
        said = json.loads(bytes(read(stored, 0, prod(tensors[stored].shape))))
        tensor = Nf4Tensor(
            name=name,
            shape=tuple(int(extent) for extent in said["shape"]),
            dtype=_STORED_DTYPES[said["dtype"]],
            block=int(said["blocksize"]),
            nested_block=int(said.get("nested_blocksize", 0)),
            offset=float(said.get("nested_offset", 0.0)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file} is damaged: the quantization of {name} cannot be read ({error!r}).") from error
    _check_parts(tensor, tensors)
    return tensor


def _check_parts(tensor: Nf4Tensor, tensors: Mapping[str, Stored]) -> None:
    values = prod(tensor.shape)
    if not tensor.shape or min(tensor.shape) < 1 or tensor.block < 2 or tensor.block % 2 or tensor.nested_block < 0:
        raise BadInput(f"{tensors[tensor.name].file} is damaged: {tensor.name} is quantized in impossible blocks.")
    blocks = -(-values // tensor.block)
    expected: dict[str, tuple[str, int]] = {"": ("U8", -(-values // 2)), ".quant_map": ("F32", 16)}
    if tensor.is_nested:
        outer = -(-blocks // tensor.nested_block)
        expected |= {".absmax": ("U8", blocks), ".nested_absmax": ("F32", outer), ".nested_quant_map": ("F32", 256)}
    else:
        expected[".absmax"] = ("F32", blocks)
    for part, (dtype, count) in expected.items():
        found = tensors.get(f"{tensor.name}{part}")
        if found is None or found.dtype != dtype or prod(found.shape) != count:
            has = "is missing" if found is None else f"has {prod(found.shape)} values of {found.dtype}"
            raise BadInput(
                f"{tensors[tensor.name].file} is damaged: {tensor.name}{part} {has}; {count} of {dtype} belong there."
            )


def _floats(read: ReadBytes, name: str, start: int, count: int) -> Floats:
    return np.frombuffer(read(name, 4 * start, 4 * count), np.float32)


def _rounded(values: Floats, dtype: str) -> Floats:
    """To the stored dtype and back, ties to even, as torch casts."""
    if dtype == "F16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).astype(np.float32)
    if dtype == "BF16":
        bits = np.ascontiguousarray(values).view(np.uint32)
        return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) & np.uint32(0xFFFF0000)).view(np.float32)
    return values


def _unknown(name: str, kind: str, stored: Stored) -> BadInput:
    return BadInput(
        f"Tensor {name} in {stored.file} is stored as {kind}; of quantized bases only bitsandbytes NF4 can be exported.",
        hint="Use the 16-bit base, or its NF4 version.",
    )
