"""A GGUF header → the few numbers that the memory estimate turns on."""

from __future__ import annotations

from gguf import LlamaFileType

from arny_studio.device.memory import BITS_PER_WEIGHT, ModelShape
from arny_studio.engine.gguf_check import GgufInfo, tokenizer_fingerprint
from arny_studio.errors import BadInput


def model_shape(info: GgufInfo) -> ModelShape:
    """The shape of a checked GGUF. Raises BadInput where its header does not say a needed number."""
    hidden, heads = _number(info, "embedding_length"), _number(info, "attention.head_count")
    return ModelShape(
        name=info.path.name,
        file_bytes=info.size_bytes,
        layers=_number(info, "block_count"),
        hidden=hidden,
        heads=heads,
        kv_heads=info.number(f"{info.architecture}.attention.head_count_kv") or heads,
        head_dim=info.number(f"{info.architecture}.attention.key_length") or hidden // heads,
        ffn=_number(info, "feed_forward_length"),
        vocab=_vocabulary_size(info),
        quant=_quant(info),
        tokenizer=tokenizer_fingerprint(info),
    )


def _number(info: GgufInfo, name: str) -> int:
    value = info.number(f"{info.architecture}.{name}")
    if not value:
        raise BadInput(f"{info.path} does not say its {name.replace('_', ' ').replace('.', ' ')}.")
    return value


def _vocabulary_size(info: GgufInfo) -> int:
    """Rows of the embedding matrix, whose shape is (hidden, vocabulary)."""
    rows = [tensor.shape[1] for tensor in info.tensors if tensor.name == "token_embd.weight" and len(tensor.shape) == 2]
    if not rows:
        raise BadInput(f"{info.path} has no token embedding.")
    return rows[0]


def _quant(info: GgufInfo) -> str:
    """The format as people name it (Q4_K_M); empty where it is one the estimate knows nothing of."""
    number = info.number("general.file_type")
    names = {member.value: member.name for member in LlamaFileType}
    name = names.get(number, "").removeprefix("MOSTLY_").removeprefix("ALL_") if number is not None else ""
    return name if name in BITS_PER_WEIGHT else ""
