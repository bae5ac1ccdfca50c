"""Models of the real pair's size, made here instead of downloaded; none of them is committed.

`widen_router` pads a small router with zeros to the shape of Qwen 2.5 1.5B: it decides as before, at full cost.
`random_model` fills the exact shapes with noise: right for sizes, loading and memory, useless for decisions.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from math import prod, sqrt
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.engine.gguf_check import GgufTensor
from arny_studio.engine.quant_types import FILE_TYPES, predicted_tensors
from arny_studio.recipe import Quant

Matrix = NDArray[np.float32]

# A residual dimension that the router does not use is held at this value; the final norm raises it, and the padded
# tokens' embeddings answer it with a large negative number, so that no padded token is ever the likeliest.
_MARKER = 2.0**-8
_MARKER_GAIN = 256.0
_PADDED_TOKEN = -4096.0
_NOISE = 0.02  # standard deviation of random weights, as models are initialised
_ROWS_AT_ONCE = 8192


class Shape(Struct, frozen=True, kw_only=True):
    """What a Qwen2 model's tensors are as large as."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int = 151_936
    head_dim: int = 128


QWEN_1_5B = Shape(layers=28, hidden=1536, heads=12, kv_heads=2, ffn=8960)
QWEN_3B = Shape(layers=36, hidden=2048, heads=16, kv_heads=2, ffn=11008)


def llama_cpp_source(folder: Path) -> Path:
    """The source distribution of the llama-cpp-python that is installed, unpacked; fetched by pip where it is not there."""
    name = f"llama_cpp_python-{version('llama-cpp-python')}"
    if not (folder / name).is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = name.replace("_", "-").rpartition("-")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "llama-cpp-python"]
        subprocess.run([*command, f"{wanted[0]}=={wanted[2]}", "--dest", str(folder)], check=True)
        with tarfile.open(folder / f"{name}.tar.gz") as packed:
            packed.extractall(folder, filter="data")
    return folder / name


def qwen_vocabulary(source: Path) -> Path:
    """The real Qwen2 vocabulary (a GGUF without tensors) in an unpacked source distribution."""
    return source / "vendor" / "llama.cpp" / "models" / "ggml-vocab-qwen2.gguf"


def widen_router(small: Path, out: Path, *, shape: Shape, quant: Quant, vocabulary: Path | None) -> Path:
    """`small` padded to `shape`: the same decisions. `vocabulary` lends the texts of the padded tokens.

    Norms are weighted by √(d/D) and their epsilon by d/D, which undoes the longer mean; query heads keep their KV head;
    added layers add nothing. Returns `out`, which is not made again where it is newer than `small`.
    """
    if out.exists() and out.stat().st_mtime > small.stat().st_mtime:
        return out
    reader = GGUFReader(small)
    known = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    narrow = _shape_of(reader, known)
    tokens = _padded_tokens(reader, shape.vocab, vocabulary)
    epsilon = (reader.fields["qwen2.attention.layer_norm_rms_epsilon"].contents() * narrow.hidden) / shape.hidden
    changed = {
        "general.name": "Wide router",
        "qwen2.block_count": shape.layers,
        "qwen2.embedding_length": shape.hidden,
        "qwen2.feed_forward_length": shape.ffn,
        "qwen2.attention.head_count": shape.heads,
        "qwen2.attention.head_count_kv": shape.kv_heads,
        "qwen2.attention.layer_norm_rms_epsilon": epsilon - _marker_as_stored(shape, quant) ** 2 / shape.hidden,
        "general.file_type": int(FILE_TYPES[quant]),
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [
            *reader.fields["tokenizer.ggml.token_type"].contents(),
            *[int(gguf.TokenType.NORMAL)] * (shape.vocab - narrow.vocab),
        ],
    }
    _write(out, _copied_header(reader, changed), shape, quant, lambda tensor: _widened(tensor, known, narrow, shape))
    return out


def random_model(out: Path, *, shape: Shape, quant: Quant, vocabulary: Path, seed: int = 0) -> Path:
    """Noise of exactly this shape and format, with the vocabulary of another file. Returns `out`; made once."""
    if out.exists():
        return out
    reader = GGUFReader(vocabulary)
    changed = {
        "general.name": "Random weights",
        "qwen2.block_count": shape.layers,
        "qwen2.embedding_length": shape.hidden,
        "qwen2.feed_forward_length": shape.ffn,
        "qwen2.attention.head_count": shape.heads,
        "qwen2.attention.head_count_kv": shape.kv_heads,
        "qwen2.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen2.context_length": 32768,
        "general.file_type": int(FILE_TYPES[quant]),
    }
    rng = np.random.default_rng(seed)
    _write(out, _copied_header(reader, changed), shape, quant, lambda tensor: _noise(tensor, quant, rng))
    return out


# -- widening ------------------------------------------------------------------------------------------------------


def _shape_of(reader: GGUFReader, known: dict[str, Matrix]) -> Shape:
    def number(name: str) -> int:
        return int(reader.fields[f"qwen2.{name}"].contents())

    vocab, hidden = known["token_embd.weight"].shape
    heads = number("attention.head_count")
    return Shape(
        layers=number("block_count"),
        hidden=hidden,
        heads=heads,
        kv_heads=number("attention.head_count_kv"),
        ffn=number("feed_forward_length"),
        vocab=vocab,
        head_dim=hidden // heads,
    )


def _padded_tokens(reader: GGUFReader, size: int, vocabulary: Path | None) -> list[str]:
    own = reader.fields["tokenizer.ggml.tokens"].contents()
    lent = GGUFReader(vocabulary).fields["tokenizer.ggml.tokens"].contents() if vocabulary else []
    taken = set(own)
    tokens = [*own, *(text for text in lent if text not in taken and not text.startswith("<|"))][:size]
    return tokens + [f"[PAD{number}]" for number in range(len(tokens), size)]


def _widened(tensor: GgufTensor, known: dict[str, Matrix], narrow: Shape, wide: Shape) -> Iterator[Any]:
    """The padded tensor's values, some rows at a time, as `_encoded` takes them."""
    values = known.get(tensor.name)
    if tensor.name == "token_embd.weight":
        assert values is not None
        yield from _widened_embedding(values, tensor)
    elif len(tensor.shape) == 1:
        yield from _encoded(_widened_vector(tensor.name, values, narrow, wide)[None], tensor)
    else:
        rows, columns = _places(tensor.name, narrow, wide)
        whole = np.zeros((tensor.shape[1], tensor.shape[0]), np.float32)
        if values is not None:
            whole[np.ix_(rows, columns)] = values
        yield from _encoded(whole, tensor)


def _widened_embedding(values: Matrix, tensor: GgufTensor) -> Iterator[Any]:
    hidden, rows = tensor.shape
    own = np.zeros((values.shape[0], hidden), np.float32)
    own[:, : values.shape[1]] = values
    own[:, values.shape[1]] = _MARKER
    yield from _encoded(own, tensor)
    padded = np.zeros((_ROWS_AT_ONCE, hidden), np.float32)
    padded[:, values.shape[1]] = _PADDED_TOKEN
    for start in range(values.shape[0], rows, _ROWS_AT_ONCE):
        yield from _encoded(padded[: rows - start], tensor)


def _widened_vector(name: str, values: Matrix | None, narrow: Shape, wide: Shape) -> Matrix:
    if "norm" in name:
        whole = np.zeros(wide.hidden, np.float32)
        if values is not None:
            whole[: narrow.hidden] = values * sqrt(narrow.hidden / wide.hidden)
        if name == "output_norm.weight":
            whole[narrow.hidden] = _MARKER_GAIN
        return whole
    whole = np.zeros((wide.heads if "attn_q" in name else wide.kv_heads) * wide.head_dim, np.float32)
    if values is not None:
        whole[_places(name.replace("bias", "weight"), narrow, wide)[0]] = values
    return whole


def _places(name: str, narrow: Shape, wide: Shape) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows and columns of the padded matrix hold the narrow one's."""
    queries = _head_rows(narrow.heads, narrow.kv_heads, wide.heads, wide.kv_heads, narrow.head_dim)
    keys = np.arange(narrow.kv_heads * narrow.head_dim)
    hidden, ffn = np.arange(narrow.hidden), np.arange(narrow.ffn)
    kind = name.split(".")[-2]
    return {
        "attn_q": (queries, hidden),
        "attn_k": (keys, hidden),
        "attn_v": (keys, hidden),
        "attn_output": (hidden, queries),
        "ffn_gate": (ffn, hidden),
        "ffn_up": (ffn, hidden),
        "ffn_down": (hidden, ffn),
    }[kind]


def _head_rows(heads: int, kv_heads: int, wide_heads: int, wide_kv: int, size: int) -> NDArray[np.int64]:
    """Rows of the narrow query heads among the wide ones: head h attends with KV head h // (heads / KV heads)."""
    group, wide_group = heads // kv_heads, wide_heads // wide_kv
    placed = [(head // group) * wide_group + head % group for head in range(heads)]
    return np.concatenate([np.arange(head * size, (head + 1) * size) for head in placed])


def _marker_as_stored(shape: Shape, quant: Quant) -> float:
    """The marker after it went through the embedding's format, which rounds it."""
    embedding = next(t for t in _tensors(shape, quant) if t.name == "token_embd.weight")
    row = np.zeros((1, shape.hidden), np.float32)
    row[0, 0] = _MARKER
    stored = np.frombuffer(b"".join(bytes(part) for part in _encoded(row, embedding)), np.uint8)[None]
    kind = GGMLQuantizationType[embedding.type]
    if kind in (GGMLQuantizationType.F32, GGMLQuantizationType.F16):
        return _MARKER
    return float(gguf.dequantize(stored, kind)[0, 0])


# -- noise ---------------------------------------------------------------------------------------------------------


def _noise(tensor: GgufTensor, quant: Quant, rng: np.random.Generator) -> Iterator[Any]:
    """Random values in the tensor's own format. Block formats get random bits under a scale that suits them."""
    if len(tensor.shape) == 1:
        values = rng.standard_normal(tensor.shape[0], np.float32) * _NOISE
        yield (1 + values if "norm" in tensor.name else values).astype("<f4")
        return
    values, size = GGML_QUANT_SIZES[GGMLQuantizationType[tensor.type]]
    blocks = prod(tensor.shape) // values
    for start in range(0, blocks, 1 << 16):
        count = min(1 << 16, blocks - start)
        raw = np.frombuffer(rng.bytes(count * size), np.uint8).reshape(count, size).copy()
        _scale_blocks(raw, tensor.type)
        yield raw


def _scale_blocks(raw: NDArray[np.uint8], kind: str) -> None:
    """Write each block's f16 scales (first in Q4_K, Q5_K and Q8_0, last in Q6_K) so that values come out near `_NOISE`."""
    largest = {"Q4_K": 15 * 32, "Q5_K": 31 * 32, "Q6_K": 32 * 64, "Q8_0": 64}[kind]
    scale = np.frombuffer(np.float16(_NOISE / largest).tobytes(), np.uint8)
    if kind == "Q6_K":
        raw[:, -2:] = scale
    else:
        raw[:, :2] = scale
        if kind != "Q8_0":  # the offset of the block: half the range times the scale centres the values
            raw[:, 2:4] = np.frombuffer(np.float16(_NOISE / 64).tobytes(), np.uint8)


# -- writing -------------------------------------------------------------------------------------------------------


def _tensors(shape: Shape, quant: Quant | str) -> list[GgufTensor]:
    """Every tensor of a model with tied embeddings, in the type that llama.cpp's quantizer would give it."""
    hidden, queries, keys = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    sizes: dict[str, tuple[int, ...]] = {"output_norm.weight": (hidden,), "token_embd.weight": (hidden, shape.vocab)}
    for layer in range(shape.layers):
        sizes |= {
            f"blk.{layer}.{name}": size
            for name, size in {
                "attn_norm.weight": (hidden,), "ffn_norm.weight": (hidden,),
                "attn_q.weight": (hidden, queries), "attn_q.bias": (queries,),
                "attn_k.weight": (hidden, keys), "attn_k.bias": (keys,),
                "attn_v.weight": (hidden, keys), "attn_v.bias": (keys,),
                "attn_output.weight": (queries, hidden),
                "ffn_gate.weight": (hidden, shape.ffn), "ffn_up.weight": (hidden, shape.ffn),
                "ffn_down.weight": (shape.ffn, hidden),
            }.items()
        }  # fmt: skip
    plain = [
        GgufTensor(name=name, shape=size, type="F32" if len(size) == 1 else "F16", start=0, nbytes=0)
        for name, size in sizes.items()
    ]
    stored = predicted_tensors(plain, quant)  # type: ignore[arg-type]
    return [
        GgufTensor(name=own.name, shape=own.shape, type=kind.type.name, start=0, nbytes=kind.nbytes)
        for own, kind in zip(plain, stored, strict=True)
    ]


def _copied_header(reader: GGUFReader, changed: dict[str, Any]) -> GGUFWriter:
    writer = GGUFWriter(None, "qwen2")
    kinds = {"general.file_type": GGUFValueType.UINT32, "general.name": GGUFValueType.STRING}
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        value = changed.pop(name, None)
        kind = field.types[0]
        element = field.types[1] if kind is GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents() if value is None else value, kind, element)
    for name, value in changed.items():
        writer.add_key_value(name, value, kinds.get(name, GGUFValueType.UINT32))
    return writer


def _write(out: Path, writer: GGUFWriter, shape: Shape, quant: Quant, values_of: Any) -> None:
    tensors = _tensors(shape, quant)
    for tensor in tensors:
        writer.add_tensor_info(
            tensor.name,
            tuple(reversed(tensor.shape)),
            np.dtype(np.float32),
            tensor.nbytes,
            raw_dtype=GGMLQuantizationType[tensor.type],
        )
    partial = out.with_name(f"{out.name}.partial")
    out.parent.mkdir(parents=True, exist_ok=True)
    writer.write_header_to_file(partial)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with partial.open("ab") as file:
        _pad(file)
        for tensor in tensors:
            start = file.tell()
            for part in values_of(tensor):
                file.write(memoryview(np.ascontiguousarray(part)).cast("B"))
            assert file.tell() - start == tensor.nbytes, tensor.name
            _pad(file)
    partial.replace(out)


def _pad(file: Any) -> None:
    at = file.seek(0, 2)
    file.write(bytes(-at % gguf.GGUF_DEFAULT_ALIGNMENT))


def _encoded(rows: Matrix, tensor: GgufTensor) -> Iterator[Any]:
    """Rows of float32 in the tensor's format, by ggml's own quantizer."""
    kind = GGMLQuantizationType[tensor.type]
    if kind is GGMLQuantizationType.F32:
        yield rows
        return
    if kind is GGMLQuantizationType.F16:
        yield rows.astype(np.float16)
        return
    values, size = GGML_QUANT_SIZES[kind]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = np.ascontiguousarray(rows[start : start + _ROWS_AT_ONCE], np.float32)
        encoded = np.zeros(part.size // values * size, np.uint8)
        written = _ggml().ggml_quantize_chunk(
            int(kind), part.ctypes.data, encoded.ctypes.data, 0, part.shape[0], part.shape[1], None
        )
        assert written == encoded.size, (tensor.name, written)
        yield encoded


def _ggml() -> Any:
    spec = find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "libggml-base.so"))
    call = library.ggml_quantize_chunk
    call.restype = ctypes.c_size_t
    call.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
    ]  # fmt: skip
    return library
