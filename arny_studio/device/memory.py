"""How much memory a model takes on a phone, before it is loaded.

Design §7, measured within ±4 MiB on 1.5B and 3B: `file + 2·layers·kv_heads·head_dim·n_ctx·bytes + C`. C is split here
into what grows with the batch (activations: two of the FFN's width, three of the hidden width, float32) and the
tokenizer's tables; the Python host is counted once per phone, in the ledger.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.device.profiles import KvType, TierSettings

CONTEXT_STEP = 256  # llama.cpp rounds the KV cache up to a multiple of this
KV_BYTES: dict[KvType, float] = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

# Bytes per vocabulary entry: its text, its merge, and their hash tables; 39 MiB at 151,936 entries.
TOKENIZER_BYTES_PER_ENTRY = 260
FIXED_COMPUTE_BYTES = 1 << 20  # graph, scratch and allocator slack, whatever the model
# llama.cpp's repacked copy of the 4-bit weights, as a share of the file: measured 0.62 (1.5B) and 0.68 (3B).
REPACK_SHARE = 0.69

# Bits per weight of whole files, to say what a smaller quant would take.
BITS_PER_WEIGHT = {
    "F32": 32.0,
    "F16": 16.0,
    "BF16": 16.0,
    "Q8_0": 8.5,
    "Q6_K": 6.6,
    "Q5_K_M": 5.7,
    "Q4_K_M": 4.9,
    "Q4_0": 4.6,
}


class ModelShape(Struct, frozen=True, kw_only=True):
    """What the memory of a model depends on."""

    name: str
    file_bytes: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    quant: str = ""  # as in the file's name or header; empty where unknown

    def requantized(self, quant: str) -> ModelShape:
        """The same model in another format, its file size estimated by bits per weight."""
        ratio = BITS_PER_WEIGHT[quant] / BITS_PER_WEIGHT[self.quant]
        return replace(self, file_bytes=int(self.file_bytes * ratio), quant=quant)


class Footprint(Struct, frozen=True, kw_only=True):
    """Resident bytes of one loaded model."""

    weights: int
    kv: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.compute


def predict(shape: ModelShape, settings: TierSettings) -> Footprint:
    """The memory that a model takes once it is loaded and has read a prompt of a full batch."""
    weights = shape.file_bytes
    if settings.repack and shape.quant.startswith("Q4"):
        weights += int(shape.file_bytes * REPACK_SHARE)
    return Footprint(weights=weights, kv=kv_bytes(shape, settings), compute=compute_bytes(shape, settings))


def kv_bytes(shape: ModelShape, settings: TierSettings) -> int:
    """Keys and values of every layer for the whole context, as allocated when the context is made."""
    cells = -(-settings.context // CONTEXT_STEP) * CONTEXT_STEP
    per_cell = 2 * shape.layers * shape.kv_heads * shape.head_dim
    return int(per_cell * cells * KV_BYTES[settings.kv_type])


def compute_bytes(shape: ModelShape, settings: TierSettings) -> int:
    """Activations of a full batch, one row of logits, and the tokenizer's tables."""
    rows = min(settings.batch, settings.context)
    activations = rows * 4 * (2 * shape.ffn + 3 * shape.hidden)
    return activations + 4 * shape.vocab + TOKENIZER_BYTES_PER_ENTRY * shape.vocab + FIXED_COMPUTE_BYTES

