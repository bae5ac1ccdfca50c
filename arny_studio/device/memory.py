"""How much memory a model takes on a phone, before it is loaded.

`file + 2·layers·kv_heads·head_dim·n_ctx·bytes + C`, where C was calibrated in our own worker (1.5B's width, the real
vocabulary's size, batches of 64 and 512): activations of a full batch, the tokenizer's tables, and for the router the
grammar's view of the vocabulary. A shorter prompt touches less, so this is the most that a model comes to. The Python
host is counted once per phone, in the ledger.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.device.profiles import KvType, TierSettings

CONTEXT_STEP = 256  # llama.cpp rounds the KV cache up to a multiple of this
KV_BYTES: dict[KvType, float] = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

TOKENIZER_BYTES_PER_ENTRY = 325  # text, merge and their hash tables: 47.1 MiB at 151,936 entries
GRAMMAR_BYTES_PER_ENTRY = 355  # llguidance's prefix tree and token list: 51.4 MiB at 151,936 entries
FIXED_COMPUTE_BYTES = 1 << 20  # graph, scratch and allocator slack, whatever the model
# llama.cpp's repacked copy of the 4-bit weights, as a share of the file: measured 0.62 (1.5B) and 0.68 (3B).
REPACK_SHARE = 0.67

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
    tokenizer: str = ""  # files with the same fingerprint read and write text alike; empty where unknown
    shares_tokenizer: bool = False  # another model that is resident lends its tables

    def requantized(self, quant: str) -> ModelShape:
        """The same model in another format, its file size estimated by bits per weight."""
        ratio = BITS_PER_WEIGHT[quant] / BITS_PER_WEIGHT[self.quant]
        return replace(self, file_bytes=int(self.file_bytes * ratio), quant=quant)

    def beside(self, resident: ModelShape) -> ModelShape:
        """The same model where another one is resident: of two alike tokenizers one is held."""
        return replace(self, shares_tokenizer=bool(self.tokenizer) and self.tokenizer == resident.tokenizer)


class Footprint(Struct, frozen=True, kw_only=True):
    """Resident bytes of one loaded model."""

    weights: int
    kv: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.compute


def predict(shape: ModelShape, settings: TierSettings, *, is_router: bool = False) -> Footprint:
    """The most that a model takes once it is loaded and has read a prompt of a full batch."""
    weights = shape.file_bytes
    if settings.repack and shape.quant.startswith("Q4"):
        weights += int(shape.file_bytes * REPACK_SHARE)
    compute = compute_bytes(shape, settings) + (GRAMMAR_BYTES_PER_ENTRY * shape.vocab if is_router else 0)
    return Footprint(weights=weights, kv=kv_bytes(shape, settings), compute=compute)


def kv_bytes(shape: ModelShape, settings: TierSettings) -> int:
    """Keys and values of every layer for the whole context, as allocated when the context is made."""
    cells = -(-settings.context // CONTEXT_STEP) * CONTEXT_STEP
    per_cell = 2 * shape.layers * shape.kv_heads * shape.head_dim
    return int(per_cell * cells * KV_BYTES[settings.kv_type])


def compute_bytes(shape: ModelShape, settings: TierSettings) -> int:
    """Activations of a full batch, one row of logits, and the tokenizer's tables unless another model lends them.

    Alive at once in a layer: gate, up and their product, three rows of the hidden width, all float32, and the product
    once more in 8 bits for the matrix multiplication.
    """
    rows = min(settings.batch, settings.context)
    activations = rows * (4 * (3 * shape.ffn + 3 * shape.hidden) + shape.ffn)
    tables = 0 if shape.shares_tokenizer else TOKENIZER_BYTES_PER_ENTRY * shape.vocab
    return activations + 4 * shape.vocab + tables + FIXED_COMPUTE_BYTES
