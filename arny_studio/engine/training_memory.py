"""How much memory a LoRA training takes at its peak, part by part, before anything is loaded.

The parts follow from the model's shape, the adapter and the longest batch. What is only known by measuring (the
libraries, the allocator's slack) is a constant here, and what remains is corrected by past runs on the same machine.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.preflight import MemoryPart

FLOAT, HALF = 4, 2
NF4_BYTES = 0.5 + (1 + 4 / 256) / 64  # 4 bits; per 64 weights an 8-bit scale, whose own scale serves 256 of them
HOST_BYTES = 620 << 20  # torch, transformers, TRL and PEFT imported, on a CPU
CUDA_CONTEXT_BYTES = 520 << 20  # CUDA's context with cuBLAS's workspace, outside torch's allocator
TILE_ROWS, TILE_COLUMNS = 4096, 32768  # of the logits that TRL's fused head holds at once
LOGITS_AT_ONCE = 64 * 1024 * 1024  # on a CPU, logits that are held at once; beyond that they come in tiles


class Shape(Struct, frozen=True, kw_only=True):
    """What the memory of a decoder in the way of Qwen2 and Llama depends on."""

    layers: int
    hidden: int
    ffn: int
    queries: int  # width of all query heads
    keys: int  # width of all key heads
    vocab: int
    is_tied: bool

    @classmethod
    def of(cls, config: dict[str, Any]) -> Shape:
        """The shape in a config.json. Raises KeyError where it does not describe such a model."""
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        head_dim = int(config.get("head_dim") or hidden // heads)
        return cls(
            layers=int(config["num_hidden_layers"]),
            hidden=hidden,
            ffn=int(config["intermediate_size"]),
            queries=heads * head_dim,
            keys=int(config.get("num_key_value_heads") or heads) * head_dim,
            vocab=int(config["vocab_size"]),
            is_tied=bool(config.get("tie_word_embeddings", False)),
        )

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of each linear layer of a block."""
        d, f, q, k = self.hidden, self.ffn, self.queries, self.keys
        return {
            "q_proj": (d, q), "k_proj": (d, k), "v_proj": (d, k), "o_proj": (q, d),
            "gate_proj": (d, f), "up_proj": (d, f), "down_proj": (f, d),
        }  # fmt: skip

    @property
    def block_weights(self) -> int:
        """Weights of all linear layers, biases and norms left out."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linears.values())

    @property
    def embedding_weights(self) -> int:
        """Weights of the embedding, and of the head where it has its own."""
        return self.vocab * self.hidden * (1 if self.is_tied else 2)

    @property
    def parameters(self) -> int:
        """All weights but norms and biases, which are less than a thousandth."""
        return self.block_weights + self.embedding_weights

    def adapter_weights(self, recipe: TrainRecipe) -> int:
        """Weights of the adapter: r · (inputs + outputs) per adapted layer (Hu et al. 2021, arXiv:2106.09685, §4.1)."""
        linears = self.linears
        adapted = [sum(linears[name]) for name in recipe.target_modules if name in linears]
        return self.layers * recipe.lora_r * sum(adapted)


class Load(Struct, frozen=True, kw_only=True):
    """The heaviest forward pass: tokens in it, padding included, and positions under the loss."""

    tokens: int
    supervised: int


class Numbers(Struct, frozen=True, kw_only=True):
    """How the training is placed: bytes of a number, what is in 4 bits, which optimizer."""

    is_cuda: bool
    is_4bit: bool
    is_8bit_optimizer: bool
    is_checkpointed: bool

    @property
    def compute_bytes(self) -> int:
        """Bytes of a weight and an activation: 32-bit on a CPU, 16-bit on CUDA."""
        return HALF if self.is_cuda else FLOAT


def memory_parts(shape: Shape, recipe: TrainRecipe, load: Load, numbers: Numbers) -> list[MemoryPart]:
    """Peak bytes by part. Their sum is the raw estimate."""
    adapter = shape.adapter_weights(recipe)
    moments = 2 if numbers.is_8bit_optimizer else 8
    activations, how = _activations(shape, recipe, load, numbers)
    logits, logits_how = _logits(shape, load, numbers)
    host = CUDA_CONTEXT_BYTES if numbers.is_cuda else HOST_BYTES
    return [
        _weights(shape, numbers),
        MemoryPart(name="adapter", title="Adapter", bytes=adapter * FLOAT, formula=f"{adapter:,} weights × 4 bytes"),
        MemoryPart(
            name="gradients", title="Gradients", bytes=adapter * FLOAT, formula=f"{adapter:,} weights × 4 bytes"
        ),
        MemoryPart(
            name="optimizer", title="Optimizer", bytes=adapter * moments,
            formula=f"{adapter:,} weights × {moments} bytes (two moments of AdamW)",
        ),
        MemoryPart(name="activations", title="Activations", bytes=activations, formula=how),
        MemoryPart(name="logits", title="Logits", bytes=logits, formula=logits_how),
        MemoryPart(
            name="libraries", title="CUDA context" if numbers.is_cuda else "Libraries", bytes=host,
            formula="measured once, the same for every training",
        ),
    ]  # fmt: skip


def _weights(shape: Shape, numbers: Numbers) -> MemoryPart:
    """16 or 32 bits a weight; in NF4 only the blocks (Dettmers et al. 2023, arXiv:2305.14314, §3: 4.127 bits)."""
    each = numbers.compute_bytes
    if not numbers.is_4bit:
        size, how = shape.parameters * each, f"{shape.parameters:,} weights × {each} bytes"
    else:
        size = int(shape.block_weights * NF4_BYTES) + shape.embedding_weights * each
        how = f"{shape.block_weights:,} weights × {8 * NF4_BYTES:.3f} bits + embedding × {each} bytes"
    return MemoryPart(name="weights", title="Base weights", bytes=size, formula=how)


def floats_per_token(shape: Shape, recipe: TrainRecipe) -> int:
    """Numbers that one block keeps per token for its backward pass, with its own weights frozen.

    After Korthikanti et al. 2022 (arXiv:2205.05198, §4.1), for RMSNorm, SwiGLU and an attention that keeps no scores:
    two norms keep input and output (4·d); attention keeps query, keys and values at full width, output and the
    output's copy for o_proj (5·q); the MLP keeps gate, its activation, up and their product (4·f); each adapter
    keeps its r inner numbers. A dropout above 0 gives every adapter an input of its own.
    """
    kept = 4 * shape.hidden + 5 * shape.queries + 4 * shape.ffn + recipe.lora_r * len(recipe.target_modules)
    if recipe.lora_dropout:
        kept += sum(shape.linears[name][0] for name in recipe.target_modules if name in shape.linears)
    return kept


def _activations(shape: Shape, recipe: TrainRecipe, load: Load, numbers: Numbers) -> tuple[int, str]:
    """All blocks' kept numbers; with checkpointing each block's input and attention output, and one block in full."""
    kept, each = floats_per_token(shape, recipe), numbers.compute_bytes
    # RMSNorm of 16-bit models computes in 32 bits and keeps that copy of its input.
    block = kept * each + (2 * shape.hidden * FLOAT if numbers.is_cuda else 0)
    if not numbers.is_checkpointed:
        return shape.layers * block * load.tokens, f"{shape.layers} blocks × {load.tokens:,} tokens × {block:,} bytes"
    light = (shape.hidden + shape.queries) * each
    size = (shape.layers * light + 2 * block) * load.tokens
    return size, f"{load.tokens:,} tokens × ({shape.layers} blocks × {light:,} + 2 × {block:,} bytes)"


def _logits(shape: Shape, load: Load, numbers: Numbers) -> tuple[int, str]:
    """All logits of what is learnt, their log-softmax and its gradient; or a tile of TRL's fused head at a time.

    The tile: `trl/kernels/chunked_logprob.py`, TOKEN_CHUNK_SIZE rows × 32,768 columns, and a 32-bit gradient of the
    hidden states.
    """
    all_at_once = 3 * load.supervised * shape.vocab * FLOAT
    if not numbers.is_cuda and load.supervised * shape.vocab <= LOGITS_AT_ONCE:
        return all_at_once, f"{load.supervised:,} positions × {shape.vocab:,} × 12 bytes"
    scored = load.supervised if numbers.is_cuda else load.tokens
    rows, columns, each = min(scored, TILE_ROWS), min(shape.vocab, TILE_COLUMNS), numbers.compute_bytes
    size = rows * columns * each + scored * shape.hidden * FLOAT
    return size, f"a tile of {rows:,} × {columns:,} × {each} bytes + {scored:,} × {shape.hidden:,} × 4 bytes"
