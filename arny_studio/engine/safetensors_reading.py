"""Weights of a model folder in safetensors, read in row blocks without mapping or holding a whole tensor.

Headers come from strangers, so every offset, shape and length is checked before it is used. Knows nothing of models,
adapters or GGUF; torch is not needed. Pickle checkpoints are refused. Weights that bitsandbytes stored in NF4 look like
any other tensor here, of their real shape and of the dtype they were quantized from.

Format: https://github.com/huggingface/safetensors#format: an u64 (little endian) with the length of a JSON header, the
header, then the tensors' bytes at offsets relative to the end of the header.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from arny_studio.engine.nf4 import nf4_tensors
from arny_studio.errors import BadInput, MissingFile

FloatRows = NDArray[np.float32]

_LONGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors library itself
_ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2,
    "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
_READABLE = ("F32", "F16", "BF16")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class StoredTensor(Struct, frozen=True, kw_only=True):
    """Where one tensor lies: `start` is the byte in `file` at which its values begin, `shape` is row-major."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int

    @property
    def row_length(self) -> int:
        """Values in one row; a vector is one row per value."""
        return prod(self.shape[1:])

    @property
    def nbytes(self) -> int:
        """Bytes of its values in the file."""
        return prod(self.shape) * _ITEM_BYTES[self.dtype]


class Weights:
    """All tensors of a model or adapter folder, by name, with one open file per shard."""

    def __init__(self, stored: dict[str, StoredTensor]) -> None:
        self._stored = stored
        self._streams: dict[Path, FileIO] = {}
        try:
            self._nf4, described = nf4_tensors(stored, self._read_bytes)
        except BaseException:
            self.close()
            raise
        plain = {name: tensor for name, tensor in stored.items() if name not in described}
        self.tensors = plain | {
            name: replace(stored[name], dtype=tensor.dtype, shape=tensor.shape) for name, tensor in self._nf4.items()
        }

    @property
    def has_nf4(self) -> bool:
        """Whether any weight is stored in 4 bits."""
        return bool(self._nf4)

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __getitem__(self, name: str) -> StoredTensor:
        return self.tensors[name]

    def files(self) -> list[Path]:
        """The safetensors files the tensors lie in."""
        return sorted({tensor.file for tensor in self.tensors.values()})

    def rows(self, name: str, start: int, stop: int) -> FloatRows:
        """Rows `start:stop` as float32, shape (stop - start, *shape[1:]). Raises BadInput where the file is cut short."""
        if name in self._nf4:
            return self._nf4[name].rows(start, stop, self._read_bytes)
        tensor = self.tensors[name]
        if tensor.dtype not in _READABLE:
            raise BadInput(
                f"Tensor {name} in {tensor.file} is stored as {tensor.dtype}, but weights have to be F32, F16 or BF16.",
                hint="Use the 16-bit version of the model, or its bitsandbytes NF4 version.",
            )
        row_bytes = tensor.row_length * _ITEM_BYTES[tensor.dtype]
        raw = self._read(tensor, tensor.start + start * row_bytes, (stop - start) * row_bytes)
        return as_float32(raw, tensor.dtype).reshape(stop - start, *tensor.shape[1:])

    def whole(self, name: str) -> FloatRows:
        """The whole tensor as float32."""
        return self.rows(name, 0, self.tensors[name].shape[0])

    def _read_bytes(self, name: str, start: int, size: int) -> bytearray:
        tensor = self._stored[name]
        return self._read(tensor, tensor.start + start, size)

    def _read(self, tensor: StoredTensor, start: int, size: int) -> bytearray:
        buffer = bytearray(size)
        view, done = memoryview(buffer), 0
        stream = self._stream(tensor.file)
        stream.seek(start)
        while done < size:
            count = stream.readinto(view[done:])
            if not count:
                raise BadInput(f"{tensor.file} ends inside tensor {tensor.name}: the file is cut short.")
            done += count
        return buffer

    def _stream(self, file: Path) -> FileIO:
        if file not in self._streams:
            self._streams[file] = file.open("rb", buffering=0)
        return self._streams[file]

    def close(self) -> None:
        """Close the shards."""
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()


@contextmanager
def open_weights(folder: Path, stem: str = "model") -> Iterator[Weights]:
    """The weights of `folder` (`{stem}.safetensors`, or the shards of `{stem}.safetensors.index.json`).

    Raises MissingFile where there are none or a shard lacks, BadInput where a file is damaged or only pickles are there.
    """
    index, single = folder / f"{stem}.safetensors.index.json", folder / f"{stem}.safetensors"
    if index.is_file():
        weights = Weights(_sharded(index))
    elif single.is_file():
        weights = Weights(read_header(single))
    else:
        raise _no_weights(folder, stem)
    try:
        yield weights
    finally:
        weights.close()


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of one safetensors file. Raises BadInput with what is wrong where the header does not add up."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST_HEADER):
            raise BadInput(f"{file} is not a complete safetensors file: its header is longer than the file.")
        header = _json_object(stream.read(length), file)
    header.pop("__metadata__", None)
    tensors = {name: _stored(name, entry, file, 8 + length) for name, entry in header.items()}
    for tensor in tensors.values():
        if tensor.start + tensor.nbytes > size:
            missing = tensor.start + tensor.nbytes - size
            raise BadInput(
                f"{file} is cut short: tensor {tensor.name} ends {missing:,} bytes after the end of the file.",
                hint="Download or copy the file again.",
            )
    return tensors


def as_float32(raw: bytes | bytearray, dtype: str) -> FloatRows:
    """Stored bytes as float32 values; exact, since F32 holds every F16 and BF16 value."""
    if dtype == "BF16":
        return (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
    if dtype == "F16":
        return np.frombuffer(raw, np.float16).astype(np.float32)
    return np.frombuffer(raw, np.float32)


def _sharded(index: Path) -> dict[str, StoredTensor]:
    weight_map = _json_object(index.read_bytes(), index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise BadInput(f"{index} has no weight_map from tensor names to files.")
    tensors: dict[str, StoredTensor] = {}
    for shard in sorted(set(weight_map.values())):
        if Path(shard).name != shard:
            raise BadInput(f"{index} names the shard {shard!r}, which is not a file name in its folder.")
        if not (index.parent / shard).is_file():
            raise MissingFile(f"The shard {shard} that {index} names is missing.", hint="Download the model again.")
        tensors |= read_header(index.parent / shard)
    for name, shard in weight_map.items():
        if name not in tensors:
            raise BadInput(f"Tensor {name} should be in {index.parent / shard}, as {index.name} says, but is not.")
    return tensors


def _no_weights(folder: Path, stem: str) -> BadInput | MissingFile:
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        return BadInput(
            f"{folder} holds only the pickle checkpoint {pickles[0]}, which is refused, since reading a pickle can run"
            " any code its author put there.",
            hint="Use the safetensors version of the model.",
        )
    return MissingFile(f"{folder} holds no weights: neither {stem}.safetensors nor {stem}.safetensors.index.json.")


def _json_object(raw: bytes, file: Path) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file} is damaged: its header is not JSON ({error}).") from error
    if not isinstance(value, dict):
        raise BadInput(f"{file} is damaged: its header is not a JSON object.")
    return value


def _stored(name: str, entry: object, file: Path, data_start: int) -> StoredTensor:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise BadInput(f"{file} is damaged: the entry of tensor {name} lacks dtype, shape or data_offsets.")
    if dtype not in _ITEM_BYTES:
        raise BadInput(f"Tensor {name} in {file} has the unknown dtype {dtype!r}.")
    if not all(isinstance(extent, int) and extent >= 0 for extent in shape):
        raise BadInput(f"{file} is damaged: tensor {name} has the shape {shape}.")
    if begin < 0 or end - begin != prod(shape) * _ITEM_BYTES[dtype]:
        raise BadInput(
            f"{file} is damaged: tensor {name} of shape {shape} and dtype {dtype} takes {end - begin} bytes in it"
            f" instead of {prod(shape) * _ITEM_BYTES[dtype]}."
        )
    return StoredTensor(name=name, dtype=dtype, shape=tuple(shape), file=file, start=data_start + begin)
