"""A contract's schema as a grammar over a model's own tokens (llguidance)."""

from __future__ import annotations

import ctypes
from typing import Any

from arny_studio.contract import Contract
from arny_studio.engine.llama_library import lib
from arny_studio.engine.llama_vocabulary import LlamaVocabulary
from arny_studio.errors import BadInput, MissingExtra

try:
    import llguidance
except ImportError as _error:
    raise MissingExtra("llguidance", "infer", "Decoding under a schema") from _error

_SPECIAL_MARK = b"\xff"  # how llguidance tells a control token from text that looks like one


class Constraint:
    """Makes matchers of one contract for one vocabulary, which must outlive them."""

    def __init__(self, vocabulary: LlamaVocabulary, contract: Contract) -> None:
        self._source = contract.source
        schema = {key: value for key, value in contract.schema.items() if not key.startswith("x-arny")}
        # Flexible white space would leave every separator open, and nothing would be forced.
        self._grammar = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False})
        self._tokenizer = _tokenizer(vocabulary)

    def matcher(self) -> llguidance.LLMatcher:
        """A matcher at the beginning of a decision. Raises BadInput where the schema cannot be decoded."""
        matcher = llguidance.LLMatcher(self._tokenizer, self._grammar, log_level=0)
        if matcher.is_error():
            raise BadInput(f"{self._source} cannot be decoded: {matcher.get_error()}")
        return matcher


def _tokenizer(vocabulary: LlamaVocabulary) -> llguidance.LLTokenizer:
    """llguidance's view of the vocabulary; it calls llama.cpp's own tokenizer for canonical splits.

    Without slices: they make a mask inside a text five times faster, but take 39 MiB more and twice the time to build,
    and a mask is needed only where the likeliest token is not allowed.
    """
    make: Any = llguidance.LLTokenizer
    return make.from_llamacpp(
        tokens=[
            piece or (_SPECIAL_MARK + vocabulary.spelling(token).encode() if vocabulary.is_control(token) else b"")
            for token, piece in enumerate(vocabulary.pieces)
        ],
        vocab_ptr=vocabulary.pointer,
        tokenize_fptr=ctypes.cast(lib._lib.llama_tokenize, ctypes.c_void_p).value,
        eos_token=vocabulary.eos,
        slices=[],
    )
