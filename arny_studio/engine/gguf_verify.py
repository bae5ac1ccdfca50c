"""Is a finished GGUF sound? Header, tensors, tokenizer, chat template, end of generation, every value, its own lineage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map
from msgspec import Struct

from arny_studio.engine.chat_template import ChatTemplate, Message
from arny_studio.engine.gguf_adapter_check import adapter_tensors_in_words, adapter_values_in_words, is_adapter
from arny_studio.engine.gguf_check import GgufInfo, check_gguf
from arny_studio.engine.gguf_shape import model_shape
from arny_studio.engine.gguf_tokenizer_check import (
    Tokenization,
    first_difference,
    tokenization_of_file,
    tokenization_of_gguf,
)
from arny_studio.engine.lineage import lineage_beside, recorded_tokenizer, sha256_of, text_sha256
from arny_studio.engine.llama_log import llama_cpp_library, route_llama_log
from arny_studio.errors import ArnyError, BadInput

_Looks = tuple[tuple[str, Callable[[], "Check"]], ...]
_QWEN2 = MODEL_ARCH_NAMES[MODEL_ARCH.QWEN2]
_PARTS_OF_A_LAYER = 12  # two norms, q k v with biases, output, gate, up, down


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    passed: bool
    says: str


def verify_gguf(path: Path, *, tokenizer: Path | None = None) -> Iterator[Check]:
    """Every check, in order, as it is made. `tokenizer` is the folder of the tokenizer that the file should have.

    Raises BadInput where the header is off already, MissingExtra without llama.cpp.
    """
    info = check_gguf(path)
    yield Check(name="header", passed=True, says=f"{len(info.tensors)} tensors lie inside the file.")
    for name, look in _adapter_looks(info) if is_adapter(info) else _model_looks(info, tokenizer):
        try:
            yield look()
        except BadInput as error:
            yield Check(name=name, passed=False, says=error.sentence)


def _model_looks(info: GgufInfo, tokenizer: Path | None) -> _Looks:
    return (
        ("tensors", lambda: _tensors_check(info)),
        ("chat template", lambda: _template_check(info)),
        ("end of generation", lambda: _end_check(info)),
        ("tokenizer", lambda: _tokenizer_check(info.path, tokenizer)),
        ("values", lambda: _values_check(info.path)),
        ("lineage", lambda: _lineage_check(info.path)),
    )


def _adapter_looks(info: GgufInfo) -> _Looks:
    """An adapter alone has no tokenizer and no template, and only a base makes it a model."""
    return (
        ("tensors", lambda: Check(name="tensors", passed=True, says=adapter_tensors_in_words(info))),
        ("values", lambda: Check(name="values", passed=True, says=adapter_values_in_words(info))),
        ("lineage", lambda: _lineage_check(info.path)),
    )


def _tensors_check(info: GgufInfo) -> Check:
    """Count and shapes against what the header says of the model."""
    if info.architecture != _QWEN2:
        return Check(name="tensors", passed=True, says=f"Not looked at: the architecture is {info.architecture}.")
    shape = model_shape(info)
    has_head = any(tensor.name == "output.weight" for tensor in info.tensors)
    expected = 2 + has_head + shape.layers * _PARTS_OF_A_LAYER
    odd = _odd_tensor(info)
    passed = len(info.tensors) == expected and not odd
    says = odd or f"{len(info.tensors)} tensors of {shape.layers} layers, {expected} belong there."
    return Check(name="tensors", passed=passed, says=says)


def _odd_tensor(info: GgufInfo) -> str:
    """The first tensor whose name or shape does not fit the model; empty where all fit."""
    shape = model_shape(info)
    known = {
        name for names in get_tensor_name_map(MODEL_ARCH.QWEN2, shape.layers).mapping.values() for name in names[1:]
    }
    rows = {
        "token_embd.weight": shape.vocab, "output.weight": shape.vocab, "ffn_gate.weight": shape.ffn,
        "ffn_up.weight": shape.ffn, "attn_q.weight": shape.heads * shape.head_dim,
        "attn_k.weight": shape.kv_heads * shape.head_dim, "attn_v.weight": shape.kv_heads * shape.head_dim,
    }  # fmt: skip
    for tensor in info.tensors:
        part = tensor.name.split(".", 2)[-1] if tensor.name.startswith("blk.") else tensor.name
        if tensor.name.rpartition(".")[0] not in known:
            return f"The tensor {tensor.name} belongs to no Qwen2 model."
        if part in rows and tensor.shape != (shape.hidden, rows[part]):
            return f"The tensor {tensor.name} has the shape {tensor.shape}, not {(shape.hidden, rows[part])}."
    return ""


def _template_check(info: GgufInfo) -> Check:
    source = info.text("tokenizer.chat_template")
    if not source:
        return Check(name="chat template", passed=False, says="The file has no chat template.")
    text = ChatTemplate(source).render([Message("user", "hello")], add_generation_prompt=True)
    if "hello" not in text:
        return Check(name="chat template", passed=False, says="It drops the message.")
    recorded = recorded_tokenizer(info.path).get("template_sha256")
    if recorded is not None and recorded != text_sha256(source):
        return Check(name="chat template", passed=False, says="It is not the one that lineage.json records.")
    says = "It is the one that was trained with." if recorded else "It renders a message."
    return Check(name="chat template", passed=True, says=says)


def _end_check(info: GgufInfo) -> Check:
    number = info.number("tokenizer.ggml.eos_token_id")
    if number is None:
        return Check(name="end of generation", passed=False, says="The file names no EOS token.")
    token = info.values("tokenizer.ggml.tokens")[number]
    closes = token in info.text("tokenizer.chat_template") or number == info.number("tokenizer.ggml.eot_token_id")
    says = f"EOS is {token}." if closes else f"EOS is {token}, which the chat template never writes."
    return Check(name="end of generation", passed=closes, says=says)


def _tokenizer_check(path: Path, folder: Path | None) -> Check:
    """A thousand strings there and back, and the same ids as the trained tokenizer where that is known."""
    try:
        found = tokenization_of_gguf(path)
    except ArnyError as error:
        return Check(name="tokenizer", passed=False, says=error.sentence)
    said = f"{len(found.ids):,} strings come back from their tokens"
    if folder is not None:
        return _same_ids(found, tokenization_of_file(folder / "tokenizer.json"), said)
    recorded = recorded_tokenizer(path).get("probes_sha256")
    if recorded is None:
        return Check(name="tokenizer", passed=True, says=f"{said}; there is no record of the trained tokenizer.")
    same = recorded == found.sha256
    says = (
        f"{said}, with the ids of the trained tokenizer." if same else "It splits text differently than training did."
    )
    return Check(name="tokenizer", passed=same, says=says)


def _same_ids(found: Tokenization, expected: Tokenization, said: str) -> Check:
    odd = first_difference(found, expected)
    if odd is None:
        return Check(name="tokenizer", passed=True, says=f"{said}, with the ids of {expected.source}.")
    text, ours, theirs = odd
    says = f"It splits {text[:40]!r} differently from {expected.source}: {ours[:6]} instead of {theirs[:6]}."
    return Check(name="tokenizer", passed=False, says=says)


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
    lineage = lineage_beside(path)
    if not lineage:
        return Check(name="lineage", passed=True, says="No lineage.json beside it is about this file.")
    output = lineage["outputs"][path.name]
    expected = output.get("sha256") if isinstance(output, dict) else None
    if sha256_of(path) != expected:
        return Check(name="lineage", passed=False, says="The file changed after it was exported.")
    verdict = output.get("verdict")
    if verdict == "red":
        return Check(name="lineage", passed=False, says="The parity gate turned this file red when it was exported.")
    judged = f"; the parity gate said {verdict}" if verdict else ""
    return Check(name="lineage", passed=True, says=f"The file is what lineage.json says{judged}.")
