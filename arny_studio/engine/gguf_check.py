"""GGUF headers read and judged in Python before llama.cpp sees the file, since a foreign file is hostile input.

Every count, length and offset is checked against the bytes that are there before it is used, and what llama.cpp would
abort the process on (rather than refuse) is refused here with a sentence. Values of arrays are stepped over, not kept,
so a header of 150,000 tokens costs a tenth of a second.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import struct
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import xxhash
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from msgspec import Struct

from arny_studio.errors import BadInput, MissingFile

Scalar = str | int | float | bool

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_ENTRIES, _MOST_TENSORS = 100_000, 100_000
_LONGEST_KEY, _LONGEST_TENSOR_NAME = 65_535, 63  # the format's, and ggml's GGML_MAX_NAME less its closing zero
_LARGEST_ALIGNMENT = 1 << 16
_MOST_DIMENSIONS = 4
_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 10: "<Q", 11: "<q", 12: "<d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9
_POSITIVE_KEYS = (
    "block_count", "embedding_length", "feed_forward_length", "attention.head_count", "attention.head_count_kv",
    "context_length", "attention.key_length", "attention.value_length",
)  # fmt: skip
_LARGEST_EXTENT = 1 << 24


class GgufArray(Struct, frozen=True, kw_only=True):
    """A list in the metadata, left in the file: `count` values of GGUF type `kind` in bytes `start:stop`."""

    kind: int
    count: int
    start: int
    stop: int


class GgufTensor(Struct, frozen=True, kw_only=True):
    """One tensor: `shape` with the row length first (as ggml has it), `start` the byte in the file where it begins."""

    name: str
    shape: tuple[int, ...]
    type: str
    start: int
    nbytes: int


class GgufInfo(Struct, frozen=True, kw_only=True):
    """What the header says."""

    path: Path
    version: int
    metadata: dict[str, Scalar | GgufArray]
    tensors: tuple[GgufTensor, ...]
    data_start: int
    size_bytes: int

    @property
    def architecture(self) -> str:
        """Such as qwen2."""
        return str(self.metadata["general.architecture"])

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(prod(tensor.shape) for tensor in self.tensors)

    @property
    def bits_per_weight(self) -> float:
        """Bits of tensor data per weight, all tensors taken together."""
        return 8 * sum(tensor.nbytes for tensor in self.tensors) / max(1, self.parameters)

    def text(self, key: str) -> str:
        """A string of the metadata; empty where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | None:
        """A whole number of the metadata."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def values(self, key: str) -> list[Any]:
        """The values of a list in the metadata, read from the file; empty where there is none."""
        array = self.metadata.get(key)
        if not isinstance(array, GgufArray):
            return []
        with self.path.open("rb") as file:
            file.seek(array.start)
            return _decoded(file.read(array.stop - array.start), array)


def tokenizer_fingerprint(info: GgufInfo) -> str:
    """The same for two files whose tokenizers are the same, table by table; empty where a file has none."""
    seen = xxhash.xxh3_128()
    entries = sorted((key, value) for key, value in info.metadata.items() if key.startswith("tokenizer.ggml."))
    with info.path.open("rb") as file:
        for key, value in entries:
            seen.update(key.encode())
            if isinstance(value, GgufArray):
                file.seek(value.start)
                seen.update(file.read(value.stop - value.start))
            else:
                seen.update(repr(value).encode())
    return seen.hexdigest() if entries else ""


def check_gguf(path: Path) -> GgufInfo:
    """Read and judge the header of a GGUF file. Raises MissingFile, or BadInput with what is off and where.

    Data is not read; a file that is cut off anywhere is noticed, because the last tensor would end after it.
    """
    if not path.is_file():
        raise MissingFile(f"There is no GGUF file at {path}.")
    size = path.stat().st_size
    if size < 24:
        raise BadInput(f"{path} is not a GGUF file: it has only {size} bytes.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        info = _read(_Cursor(path, mapped))
    _check_model(info)
    return info


class _Cursor:
    """A position in the header. Nothing is taken that the file does not hold."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path = path
        self._data = data
        self.size = len(data)
        self.at = 0

    def refuse(self, what: str) -> NoReturn:
        raise BadInput(
            f"{self.path} cannot be used: {what} (at byte {self.at:,}).",
            hint="The file is damaged or cut short; copy or export it again.",
        )

    def skip(self, count: int, what: str) -> int:
        """Step over `count` bytes and return where they began."""
        start = self.at
        if count > self.size - start:
            self.refuse(f"{what} goes on after the end of the file")
        self.at = start + count
        return start

    def number(self, form: str, what: str) -> Any:
        start = self.skip(struct.calcsize(form), what)
        return struct.unpack_from(form, self._data, start)[0]

    def raw_text(self, longest: int, what: str) -> bytes:
        length = self.number("<Q", what)
        if length > longest:
            self.refuse(f"{what} claims to be {length:,} bytes long")
        start = self.skip(length, what)
        return self._data[start : self.at]

    def name(self, longest: int, what: str) -> str:
        raw = self.raw_text(longest, what)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            self.refuse(f"{what} is not UTF-8")
        if not text or "\0" in text:
            self.refuse(f"{what} is empty or holds a zero byte")
        return text

    def skip_texts(self, count: int, what: str) -> None:
        """Step over `count` strings; in one tight loop, as vocabularies are long."""
        data, at, size, unpack = self._data, self.at, self.size, struct.Struct("<Q").unpack_from
        for _ in range(count):
            if at + 8 > size:
                self.refuse(f"{what} goes on after the end of the file")
            at += 8 + unpack(data, at)[0]
            if at > size:
                self.refuse(f"a string in {what} goes on after the end of the file")
        self.at = at


def _read(cursor: _Cursor) -> GgufInfo:
    version = _read_version(cursor)
    tensor_count = _read_count(cursor, _MOST_TENSORS, "tensors")
    entry_count = _read_count(cursor, _MOST_ENTRIES, "metadata entries")
    metadata: dict[str, Scalar | GgufArray] = {}
    for _ in range(entry_count):
        key = cursor.name(_LONGEST_KEY, "a metadata key")
        if key in metadata:
            cursor.refuse(f"the metadata key {key!r} occurs twice")
        metadata[key] = _read_value(cursor, key)
    alignment = _alignment(cursor, metadata)
    described = [_read_tensor(cursor) for _ in range(tensor_count)]
    data_start = cursor.at + (-cursor.at % alignment)
    return GgufInfo(
        path=cursor.path,
        version=version,
        metadata=metadata,
        tensors=_placed(cursor, described, data_start, alignment),
        data_start=data_start,
        size_bytes=cursor.size,
    )


def _read_version(cursor: _Cursor) -> int:
    magic = bytes(cursor.number("<4s", "the magic"))
    if magic != _MAGIC:
        raise BadInput(f"{cursor.path} is not a GGUF file: it begins with {magic!r} instead of {_MAGIC!r}.")
    version = cursor.number("<I", "the version")
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        reason = (
            "it is for big-endian machines" if swapped in _VERSIONS else f"its GGUF version is {version}, not 2 or 3"
        )
        raise BadInput(f"{cursor.path} cannot be used: {reason}.")
    return version


def _read_count(cursor: _Cursor, most: int, of: str) -> int:
    count = cursor.number("<Q", f"the number of {of}")
    if count > most:
        cursor.refuse(f"it claims to have {count:,} {of}")
    return count


def _read_value(cursor: _Cursor, key: str) -> Scalar | GgufArray:
    kind = cursor.number("<I", f"the type of {key}")
    if kind == _STRING:
        return cursor.raw_text(cursor.size, key).decode("utf-8", errors="replace")
    if kind == _ARRAY:
        return _read_array(cursor, key)
    return _read_scalar(cursor, kind, key)


def _read_scalar(cursor: _Cursor, kind: int, key: str) -> Scalar:
    if kind == _BOOL:
        value = cursor.number("<B", key)
        if value > 1:
            cursor.refuse(f"{key} is neither true nor false but {value}")
        return bool(value)
    if kind not in _FORMATS:
        cursor.refuse(f"{key} has the unknown type {kind}")
    return cursor.number(_FORMATS[kind], key)


def _read_array(cursor: _Cursor, key: str) -> GgufArray:
    kind = cursor.number("<I", f"the element type of {key}")
    count = cursor.number("<Q", f"the length of {key}")
    start = cursor.at
    if kind == _STRING:
        if count > (cursor.size - start) // 8:
            cursor.refuse(f"{key} claims to have {count:,} strings")
        cursor.skip_texts(count, key)
    elif kind == _BOOL or kind in _FORMATS:
        cursor.skip(count * (1 if kind == _BOOL else struct.calcsize(_FORMATS[kind])), key)
    else:
        cursor.refuse(f"{key} is a list of the unknown or nested type {kind}")
    return GgufArray(kind=kind, count=count, start=start, stop=cursor.at)


def _alignment(cursor: _Cursor, metadata: dict[str, Scalar | GgufArray]) -> int:
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= _LARGEST_ALIGNMENT or alignment & (alignment - 1):
        cursor.refuse(f"general.alignment is {alignment}, not a power of two from 8 to {_LARGEST_ALIGNMENT}")
    return alignment


def _read_tensor(cursor: _Cursor) -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
    name = cursor.name(_LONGEST_TENSOR_NAME, "a tensor name")
    dimensions = cursor.number("<I", f"the number of dimensions of {name}")
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        cursor.refuse(f"tensor {name} has {dimensions} dimensions")
    shape = tuple(cursor.number("<Q", f"the shape of {name}") for _ in range(dimensions))
    if not all(1 <= extent < 1 << 40 for extent in shape):
        cursor.refuse(f"tensor {name} has the shape {shape}")
    number = cursor.number("<I", f"the type of {name}")
    try:
        kind = GGMLQuantizationType(number)
    except ValueError:
        cursor.refuse(f"tensor {name} has the unknown type {number}")
    return name, shape, kind, cursor.number("<Q", f"the offset of {name}")


def _placed(
    cursor: _Cursor,
    described: list[tuple[str, tuple[int, ...], GGMLQuantizationType, int]],
    data_start: int,
    alignment: int,
) -> tuple[GgufTensor, ...]:
    """The tensors with their place in the file, each right after the one before it, as ggml demands."""
    tensors: dict[str, GgufTensor] = {}
    expected = 0
    for name, shape, kind, offset in described:
        if name in tensors:
            cursor.refuse(f"the tensor {name} occurs twice")
        if offset != expected:
            cursor.refuse(f"tensor {name} is said to begin at {offset:,} of the data instead of {expected:,}")
        nbytes = _tensor_bytes(cursor, name, shape, kind)
        if data_start + offset + nbytes > cursor.size:
            missing = data_start + offset + nbytes - cursor.size
            raise BadInput(
                f"{cursor.path} is cut short: tensor {name} ends {missing:,} bytes after the end of the file.",
                hint="Copy or export the file again.",
            )
        tensors[name] = GgufTensor(name=name, shape=shape, type=kind.name, start=data_start + offset, nbytes=nbytes)
        expected += nbytes + (-nbytes % alignment)
    return tuple(tensors.values())


def _tensor_bytes(cursor: _Cursor, name: str, shape: tuple[int, ...], kind: GGMLQuantizationType) -> int:
    block_values, block_bytes = GGML_QUANT_SIZES[kind]
    if shape[0] % block_values:
        cursor.refuse(f"tensor {name} has rows of {shape[0]} values, which {kind.name} cannot hold")
    return prod(shape) // block_values * block_bytes


def _decoded(raw: bytes, array: GgufArray) -> list[Any]:
    if array.kind == _STRING:
        texts: list[str] = []
        at = 0
        for _ in range(array.count):
            end = at + 8 + int.from_bytes(raw[at : at + 8], "little")
            texts.append(raw[at + 8 : end].decode("utf-8", errors="replace"))
            at = end
        return texts
    form = "?" if array.kind == _BOOL else _FORMATS[array.kind][1]
    return list(struct.unpack(f"<{array.count}{form}", raw))


def _check_model(info: GgufInfo) -> None:
    """What the header says about the model has to add up, as far as llama.cpp relies on it without asking."""
    if not info.text("general.architecture"):
        raise BadInput(f"{info.path} cannot be used: it does not name its architecture.")
    if (info.number("split.count") or 0) > 1:
        raise BadInput(f"{info.path} is one part of a split model; join the parts with llama-gguf-split first.")
    for key in _POSITIVE_KEYS:
        full = f"{info.architecture}.{key}"
        value = info.metadata.get(full, 1)
        if not isinstance(value, GgufArray) and info.number(full) is None and full in info.metadata:
            raise BadInput(f"{info.path} cannot be used: {full} is {value!r}, not a whole number.")
        if isinstance(value, int) and not 1 <= value <= _LARGEST_EXTENT:
            raise BadInput(f"{info.path} cannot be used: {full} is {value}.")
    _check_vocabulary(info)


def _check_vocabulary(info: GgufInfo) -> None:
    tokens = info.metadata.get("tokenizer.ggml.tokens")
    if tokens is None:
        return
    if not isinstance(tokens, GgufArray) or tokens.kind != _STRING:
        raise BadInput(f"{info.path} cannot be used: tokenizer.ggml.tokens is no list of strings.")
    kinds = info.metadata.get("tokenizer.ggml.token_type")
    if kinds is not None and (not isinstance(kinds, GgufArray) or kinds.count != tokens.count):
        raise BadInput(
            f"{info.path} cannot be used: it does not give one token type for each of {tokens.count} tokens."
        )
    for key, value in info.metadata.items():
        is_id = key.startswith("tokenizer.ggml.") and key.endswith("_token_id")
        if is_id and not (isinstance(value, int) and 0 <= value < tokens.count):
            raise BadInput(f"{info.path} cannot be used: {key} is {value}, but there are {tokens.count} tokens.")
    embedding = next((tensor for tensor in info.tensors if tensor.name == "token_embd.weight"), None)
    if embedding is not None and (len(embedding.shape) != 2 or embedding.shape[1] != tokens.count):
        raise BadInput(
            f"{info.path} cannot be used: its embedding is {embedding.shape}, but there are {tokens.count} tokens."
        )
