"""A GGUF whose every value is sound and which nevertheless says something else."""

from __future__ import annotations

from pathlib import Path

from arny_studio.engine.gguf_check import check_gguf


def swap_tensors(gguf: Path, first: str = "blk.0.attn_q.weight", second: str = "blk.3.attn_q.weight") -> Path:
    """Put two tensors of one size into each other's place, in the file itself; returns `gguf`."""
    places = {tensor.name: tensor for tensor in check_gguf(gguf).tensors}
    one, other = places[first], places[second]
    assert (one.nbytes, one.type) == (other.nbytes, other.type)
    raw = bytearray(gguf.read_bytes())
    held = raw[one.start : one.start + one.nbytes]
    raw[one.start : one.start + one.nbytes] = raw[other.start : other.start + other.nbytes]
    raw[other.start : other.start + other.nbytes] = held
    gguf.write_bytes(raw)
    return gguf
