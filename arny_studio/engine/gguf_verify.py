"""Is a finished GGUF sound? Header, values of every tensor, chat template, end of generation, and its own lineage."""

from __future__ import annotations

import json
import os
from pathlib import Path

from msgspec import Struct

from arny_studio.engine.chat_template import ChatTemplate, Message
from arny_studio.engine.gguf_check import GgufInfo, check_gguf
from arny_studio.engine.lineage import sha256_of
from arny_studio.engine.llama_log import llama_cpp_library, route_llama_log
from arny_studio.errors import BadInput

LINEAGE = "lineage.json"


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    passed: bool
    says: str


def verify_gguf(path: Path) -> list[Check]:
    """Every check, in order. Raises BadInput where the header is off already, MissingExtra without llama.cpp."""
    info = check_gguf(path)
    return [
        Check(name="header", passed=True, says=f"{len(info.tensors)} tensors lie inside the file."),
        _template_check(info),
        _end_check(info),
        _values_check(path),
        _lineage_check(path),
    ]


def _template_check(info: GgufInfo) -> Check:
    source = info.text("tokenizer.chat_template")
    if not source:
        return Check(name="chat template", passed=False, says="The file has no chat template.")
    try:
        text = ChatTemplate(source).render([Message("user", "hello")], add_generation_prompt=True)
    except BadInput as error:
        return Check(name="chat template", passed=False, says=error.sentence)
    holds_it = "hello" in text
    return Check(
        name="chat template", passed=holds_it, says="It renders a message." if holds_it else "It drops the message."
    )


def _end_check(info: GgufInfo) -> Check:
    number = info.number("tokenizer.ggml.eos_token_id")
    if number is None:
        return Check(name="end of generation", passed=False, says="The file names no EOS token.")
    token = info.values("tokenizer.ggml.tokens")[number]
    closes = token in info.text("tokenizer.chat_template") or number == info.number("tokenizer.ggml.eot_token_id")
    says = f"EOS is {token}." if closes else f"EOS is {token}, which the chat template never writes."
    return Check(name="end of generation", passed=closes, says=says)


def _values_check(path: Path) -> Check:
    """llama.cpp's own look at every value: NaN, Inf and scales that no quantizer writes."""
    llama = llama_cpp_library("Verifying a GGUF")
    said = route_llama_log()
    said.clear()
    parameters = llama.llama_model_default_params()
    parameters.check_tensors, parameters.use_extra_bufts = True, False
    model = llama.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        return Check(name="values", passed=False, says=f"llama.cpp refuses the file: {' '.join(said[-2:])}")
    llama.llama_model_free(model)
    return Check(name="values", passed=True, says="llama.cpp loads it and finds every value in order.")


def _lineage_check(path: Path) -> Check:
    record = path.with_name(LINEAGE)
    if not record.is_file():
        return Check(name="lineage", passed=True, says="No lineage.json lies beside the file.")
    try:
        outputs = json.loads(record.read_bytes())["outputs"]
        expected = outputs[path.name]["sha256"] if path.name in outputs else None
    except (ValueError, KeyError, TypeError) as error:
        return Check(name="lineage", passed=False, says=f"lineage.json cannot be read: {error!r}.")
    if expected is None:
        return Check(name="lineage", passed=True, says="The lineage.json beside it is about other files.")
    same = sha256_of(path) == expected
    says = "The file is what lineage.json says." if same else "The file changed after it was exported."
    return Check(name="lineage", passed=same, says=says)
