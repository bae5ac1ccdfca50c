"""Does llama.cpp split text with this GGUF as the trained tokenizer does? Only the vocabulary is loaded, no weights."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import tokenizers

from arny_studio.engine.llama_log import llama_cpp_library, route_llama_log
from arny_studio.engine.quantize import ExportFailed
from arny_studio.errors import BadInput

# Scripts, digits, punctuation, white space, emoji, JSON and control tokens; NFC, as llama.cpp does not normalize.
PROBES = (
    "Book a flight from Berlin to Lisbon on 3 May 2027, 2 people, under €450.50!",
    "  leading, trailing and   inner   spaces  \n\n\ttabs\r\nand new lines \n ",
    "I'll say we're sure they've DON'T it's YOU'LL",
    '{"intent":"book_flight","journeys":["travel"],"complexity_score":35,"direct_answer":null}',
    "<|im_start|>system\nYou are a router.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
    "1234567890 3.14159 1,000,000 0x1F 50% #42 @name a_b-c/d\\e",
    "Grüße aus Köln, ça va? El niño comió piñata; Łódź, Praha, İstanbul",
    "Привет, мир! Καλημέρα κόσμε. שלום עולם مرحبا بالعالم",
    "你好，世界。こんにちは世界。안녕하세요 세계. नमस्ते दुनिया สวัสดีชาวโลก",
    "😀🎉👩‍👩‍👧‍👦🏳️‍🌈 ∑∫√≈≠ ½ ™ ￼ \u200b\u00a0\u2028",
    "def f(x):\n    return x**2  # comment\n",
    "<|endoftext|>a<|im_end|><|im_end|> <|unknown|> < |im_end|>",
)


def check_tokenizer(gguf: Path, tokenizer_file: Path) -> None:
    """Raise ExportFailed at the first text that the GGUF splits differently from tokenizer.json."""
    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_file))
    for text, found in zip(PROBES, _tokenized(gguf, PROBES), strict=True):
        expected: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        if found != expected:
            raise ExportFailed(
                f"{gguf.name} tokenizes {text[:40]!r} differently from {tokenizer_file}: {found[:8]} instead of"
                f" {expected[:8]}.",
                hint="A model served with another tokenization than it was trained with answers badly.",
            )


def _tokenized(gguf: Path, texts: tuple[str, ...]) -> list[list[int]]:
    llama = llama_cpp_library("Checking a GGUF's tokenizer")
    route_llama_log()
    parameters = llama.llama_model_default_params()
    parameters.vocab_only = True
    model = llama.llama_model_load_from_file(os.fsencode(gguf), parameters)
    if not model:
        raise BadInput(f"llama.cpp cannot read {gguf}.")
    try:
        vocabulary = llama.llama_model_get_vocab(model)
        return [_encoded(llama, vocabulary, text.encode()) for text in texts]
    finally:
        llama.llama_model_free(model)


def _encoded(llama: Any, vocabulary: Any, text: bytes) -> list[int]:
    room = len(text) + 8  # a token is at least one byte
    ids = (ctypes.c_int32 * room)()
    count = llama.llama_tokenize(vocabulary, text, len(text), ids, room, False, True)
    return list(ids[:count])
