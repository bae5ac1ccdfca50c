"""Does llama.cpp split text with this GGUF as the trained tokenizer does? Only the vocabulary is loaded, no weights."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from msgspec import Struct

from arny_studio.engine.llama_log import llama_cpp_library, route_llama_log
from arny_studio.engine.quantize import ExportFailed
from arny_studio.engine.tokenizer_probes import probe_texts
from arny_studio.errors import BadInput

_HINT = "A model served with another tokenization than it was trained with answers badly."


class Tokenization(Struct, frozen=True, kw_only=True):
    """The probe texts as ids, by one tokenizer."""

    source: str
    ids: list[list[int]]

    @property
    def sha256(self) -> str:
        """One digest for all ids, to be kept in lineage: equal digests, equal tokenizers on every probe."""
        flat = [number for ids in self.ids for number in (*ids, -1)]
        return hashlib.sha256(np.asarray(flat, "<i4").tobytes()).hexdigest()


def tokenization_of_file(tokenizer_file: Path) -> Tokenization:
    """The ids that tokenizer.json gives. Raises BadInput where that is no tokenizer."""
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_file))
    except Exception as error:  # the library raises bare Exception for every fault of the file
        raise BadInput(f"{tokenizer_file} is not a tokenizer file: {error}.") from error
    encoded = tokenizer.encode_batch(probe_texts(), add_special_tokens=False)
    return Tokenization(source=str(tokenizer_file), ids=[encoding.ids for encoding in encoded])


def tokenization_of_gguf(gguf: Path) -> Tokenization:
    """The ids that llama.cpp gives with this file; each text has to come back from its ids byte for byte.

    Raises BadInput where llama.cpp cannot read it, ExportFailed where a text does not come back.
    """
    llama = llama_cpp_library("Checking a GGUF's tokenizer")
    route_llama_log()
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    model = llama.llama_model_load_from_file(os.fsencode(gguf), parameters)
    if not model:
        raise BadInput(f"llama.cpp cannot read {gguf}.")
    try:
        vocabulary = llama.llama_model_get_vocab(model)
        return Tokenization(source=str(gguf), ids=[_there_and_back(llama, vocabulary, text) for text in probe_texts()])
    finally:
        llama.llama_model_free(model)


def check_tokenizer(gguf: Path, expected: Tokenization) -> Tokenization:
    """Raise ExportFailed at the first text that the GGUF splits differently; returns what it gives."""
    found = tokenization_of_gguf(gguf)
    odd = first_difference(found, expected)
    if odd is not None:
        text, ours, theirs = odd
        raise ExportFailed(
            f"{gguf.name} tokenizes {text[:40]!r} differently from {expected.source}: {ours[:8]} instead of"
            f" {theirs[:8]}.",
            hint=_HINT,
        )
    return found


def first_difference(found: Tokenization, expected: Tokenization) -> tuple[str, list[int], list[int]] | None:
    """The first probe on which two tokenizers disagree, with the ids of both from the first odd one on."""
    for text, ours, theirs in zip(probe_texts(), found.ids, expected.ids, strict=True):
        if ours != theirs:
            start = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
            return text, ours[start:], theirs[start:]
    return None


def _there_and_back(llama: Any, vocabulary: Any, text: str) -> list[int]:
    ids = _encoded(llama, vocabulary, text.encode())
    back = _decoded(llama, vocabulary, ids, room=2 * len(text.encode()) + 64)
    if back != text.encode():
        raise ExportFailed(f"{text[:40]!r} comes back from its tokens as {back[:60].decode(errors='replace')!r}.")
    return ids


def _encoded(llama: Any, vocabulary: Any, text: bytes) -> list[int]:
    room = len(text) + 8  # a token is at least one byte
    ids = (ctypes.c_int32 * room)()
    count = llama.llama_tokenize(vocabulary, text, len(text), ids, room, False, True)
    return list(ids[:count])


def _decoded(llama: Any, vocabulary: Any, ids: Sequence[int], room: int) -> bytes:
    buffer = ctypes.create_string_buffer(room)
    tokens = (ctypes.c_int32 * len(ids))(*ids)
    size = llama.llama_detokenize(vocabulary, tokens, len(ids), buffer, room, False, True)
    return buffer.raw[: max(0, size)]
