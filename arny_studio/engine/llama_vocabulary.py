"""The vocabulary of a loaded model: text → tokens → bytes, through llama.cpp's own tokenizer."""

from __future__ import annotations

import ctypes
import os
from functools import cached_property
from typing import Any

import numpy as np

from arny_studio.engine.gguf_check import GgufArray, GgufInfo
from arny_studio.engine.llama_library import LlamaFailure, last_word, lib, start_backend

_NORMAL = 1  # GGUF token type: ordinary text, spelt in the byte-level alphabet


class LlamaVocabulary:
    """The tables of one file's tokenizer, apart from its weights, so that models can share them. Close it."""

    def __init__(self, info: GgufInfo) -> None:
        """Build the tables (0.3 s for 151,936 tokens). Raises LlamaFailure where llama.cpp cannot."""
        start_backend()
        params = lib.llama_model_default_params()
        params.vocab_only = True
        self._model: Any = lib.llama_model_load_from_file(os.fsencode(info.path), params)
        if self._model is None:
            raise LlamaFailure(f"llama.cpp cannot load the tokenizer of {info.path.name}: {last_word()}")
        self.pointer: Any = lib.llama_model_get_vocab(self._model)
        self.size: int = lib.llama_vocab_n_tokens(self.pointer)
        self._info = info
        self.spelt: list[bytes | None] | None = None  # `pieces_in` the file, where somebody has read them ahead

    def close(self) -> None:
        """Give the tables back. May be called twice."""
        if self._model is not None:
            lib.llama_model_free(self._model)
            self._model = None

    @property
    def bos_token(self) -> str:
        """How the token that begins a text is spelt; empty where there is none."""
        return self.spelling(lib.llama_vocab_bos(self.pointer))

    @property
    def eos_token(self) -> str:
        """How the token that ends a turn is spelt; empty where there is none."""
        return self.spelling(self.eos)

    @property
    def eos(self) -> int:
        """The id of the token that ends a turn; -1 where there is none."""
        return lib.llama_vocab_eos(self.pointer)

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids, without BOS. Control tokens in the text count as text unless `special`."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        ids = (lib.llama_token * room)()
        count = lib.llama_tokenize(self.pointer, raw, len(raw), ids, room, False, special)
        if count < 0:
            raise LlamaFailure(f"{self._info.path.name} could not tokenize a text of {len(raw)} bytes.")
        return ids[:count]

    def control_token(self, text: str) -> int | None:
        """The id of the control token spelt like this, if there is one."""
        ids = self.tokenize(text, special=True)
        return ids[0] if len(ids) == 1 and self.is_control(ids[0]) else None

    def piece(self, token: int) -> bytes:
        """The bytes of a token; control tokens have none."""
        buffer = ctypes.create_string_buffer(256)
        size = lib.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = lib.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        return buffer.raw[:size]

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of every token. Read from the file at once: asking llama.cpp 151,936 times takes half a second."""
        spelt, self.spelt = self.spelt or pieces_in(self._info), None
        if len(spelt) != self.size:
            return [self.piece(token) for token in range(self.size)]
        return [self.piece(token) if piece is None else piece for token, piece in enumerate(spelt)]

    def spelling(self, token: int) -> str:
        """How a token stands in the vocabulary; empty for a negative id."""
        return lib.llama_vocab_get_text(self.pointer, token).decode("utf-8", "replace") if token >= 0 else ""

    def is_end(self, token: int) -> bool:
        """Whether the token ends a turn."""
        return lib.llama_vocab_is_eog(self.pointer, token)

    def is_control(self, token: int) -> bool:
        """Whether the token is markup and no text."""
        return lib.llama_vocab_is_control(self.pointer, token)


def pieces_in(info: GgufInfo) -> list[bytes | None]:
    """The bytes of every token as the file spells them, None where only llama.cpp knows; empty for other spellings."""
    texts, kinds = info.values("tokenizer.ggml.tokens"), info.values("tokenizer.ggml.token_type")
    if info.text("tokenizer.ggml.model") != "gpt2" or len(texts) != len(kinds):
        return []
    return [_bytes_of(text) if kind == _NORMAL else None for text, kind in zip(texts, kinds, strict=True)]


def without_vocabulary(info: GgufInfo) -> Any:
    """Overrides under which llama.cpp loads a model's weights and leaves its tokenizer alone.

    Building the tables of 151,936 tokens takes 0.3 s and 44 MiB, more than mapping the weights of a 3B does.
    """
    tokens = info.metadata.get("tokenizer.ggml.tokens")
    overrides = (lib.llama_model_kv_override * 3)()  # the last one stays empty, which ends the list
    overrides[0].tag, overrides[0].key = lib.LLAMA_KV_OVERRIDE_TYPE_STR, b"tokenizer.ggml.model"
    overrides[0].value.val_str = b"none"
    overrides[1].tag, overrides[1].key = (
        lib.LLAMA_KV_OVERRIDE_TYPE_INT,
        f"{info.architecture}.vocab_size".encode()[:127],
    )
    overrides[1].value.val_i64 = tokens.count if isinstance(tokens, GgufArray) else 0
    return overrides


def _byte_level_alphabet() -> dict[int, int]:
    """Unicode characters of byte-level BPE → bytes: what prints stands for itself, the rest from U+0100 on (GPT-2)."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    return dict(zip(printing, printing, strict=True)) | {0x100 + n: byte for n, byte in enumerate(others)}


_ALPHABET = _byte_level_alphabet()


def _bytes_of(text: str) -> bytes:
    """A token's bytes; a character outside of the alphabet is its own UTF-8, as llama.cpp has it."""
    try:
        return text.translate(_ALPHABET).encode("latin-1")
    except UnicodeEncodeError:
        return b"".join(bytes([_ALPHABET[ord(char)]]) if ord(char) in _ALPHABET else char.encode() for char in text)


def logits_view(context: Any, row: int, size: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One row of the last batch's logits, in llama.cpp's own memory: valid until the next batch."""
    return np.ctypeslib.as_array(lib.llama_get_logits_ith(context, row), shape=(size,))
