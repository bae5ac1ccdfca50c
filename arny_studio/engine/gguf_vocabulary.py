"""The tokenizer of a model folder as GGUF holds it: tokens, kinds, merges, special ids, chat template.

Only byte-level BPE with Qwen2's pre-tokenizer is taken, because that is what `tokenizer.ggml.pre = "qwen2"` makes
llama.cpp do; any other would be split differently on the phone than in training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gguf import SpecialVocab, TokenType
from msgspec import Struct

from arny_studio.engine.model_folder import read_json_object
from arny_studio.engine.tokenizer_training import END_OF_TEXT, IM_END, QWEN2_SPLIT
from arny_studio.errors import BadInput, MissingFile


class Vocabulary(Struct, frozen=True, kw_only=True):
    """Everything under `tokenizer.*`. `tokens` and `kinds` have one entry per row of the embedding."""

    tokens: list[str]
    kinds: list[int]
    merges: list[str]
    special_ids: dict[str, int]  # bos, eos, eot, pad, …
    chat_template: str
    add_bos: bool


def read_vocabulary(folder: Path, *, size: int) -> Vocabulary:
    """The vocabulary in `folder`, filled up to `size` embedding rows with unused tokens.

    Raises MissingFile where tokenizer.json, its configuration or the chat template lacks; BadInput where the tokenizer
    is of another kind or larger than the embedding.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise MissingFile(f"{folder} has no tokenizer.json, so the GGUF would have no tokenizer.")
    if not (folder / "tokenizer_config.json").is_file():
        raise MissingFile(f"{folder} has no tokenizer_config.json, which says how generation ends.")
    tokenizer = read_json_object(path)
    _check_kind(path, tokenizer)
    tokens, kinds = _tokens(path, tokenizer, size)
    special = _special(folder, size)
    return Vocabulary(
        tokens=tokens,
        kinds=kinds,
        merges=special.merges,
        special_ids=_special_ids(folder, special, tokens),
        chat_template=_chat_template(folder, special),
        add_bos=special.add_special_token.get("bos", False),
    )


def _check_kind(path: Path, tokenizer: dict[str, Any]) -> None:
    model = tokenizer.get("model")
    kind = model.get("type") if isinstance(model, dict) else None
    if not isinstance(model, dict) or kind != "BPE" or not isinstance(model.get("vocab"), dict):
        raise BadInput(f"{path} is a {kind or 'nameless'} tokenizer; Qwen2 models use byte-level BPE.")
    if QWEN2_SPLIT not in _split_patterns(tokenizer.get("pre_tokenizer")):
        raise BadInput(
            f"{path} does not split text as Qwen2 does, so llama.cpp would tokenize it differently from training.",
            hint="Use the tokenizer that belongs to the Qwen2 or Qwen2.5 base.",
        )


def _split_patterns(pre_tokenizer: object) -> list[str]:
    """The regular expressions of all Split steps."""
    match pre_tokenizer:
        case {"type": "Sequence", "pretokenizers": list(steps)}:
            return [pattern for step in steps for pattern in _split_patterns(step)]
        case {"type": "Split", "pattern": {"Regex": str(pattern)}}:
            return [pattern]
    return []


def _tokens(path: Path, tokenizer: dict[str, Any], size: int) -> tuple[list[str], list[int]]:
    tokens, kinds = [f"[PAD{i}]" for i in range(size)], [int(TokenType.UNUSED)] * size
    for text, number in tokenizer["model"]["vocab"].items():
        _check_id(path, text, number, size)
        tokens[number], kinds[number] = text, int(TokenType.NORMAL)
    for added in tokenizer.get("added_tokens") or []:
        match added:
            case {"id": int(number), "content": str(text)}:
                _check_id(path, text, number, size)
                tokens[number], kinds[number] = text, int(_added_kind(text, bool(added.get("special"))))
            case _:
                raise BadInput(f"{path}: the added token {added!r} lacks an id or its text.")
    return tokens, kinds


def _check_id(path: Path, text: str, number: object, size: int) -> None:
    if not isinstance(number, int) or not 0 <= number < size:
        raise BadInput(
            f"{path}: token {text!r} has the id {number}, but the model's embedding has only {size} rows.",
            hint="Tokenizer and weights do not belong together.",
        )


def _added_kind(text: str, is_special: bool) -> TokenType:
    looks_special = text.startswith("<|") and text.endswith("|>")
    return TokenType.CONTROL if is_special or looks_special else TokenType.USER_DEFINED


def _special(folder: Path, size: int) -> SpecialVocab:
    try:
        return SpecialVocab(folder, load_merges=True, n_vocab=size)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise BadInput(f"The tokenizer files in {folder} cannot be read: {error}.") from error


def _special_ids(folder: Path, special: SpecialVocab, tokens: list[str]) -> dict[str, int]:
    """Ids by role. EOT is the ChatML end of turn; a BOS that nobody names is the end-of-text token, as in Qwen2.

    llama.cpp falls back to token 11 for a BOS or EOS that is not written, which is some ordinary word.
    """
    ids = dict(special.special_token_ids)
    if "eos" not in ids:
        raise BadInput(f"The tokenizer in {folder} names no eos_token, so generation would never end.")
    for role, text in (("eot", IM_END), ("bos", END_OF_TEXT), ("pad", END_OF_TEXT)):
        if role not in ids and text in tokens:
            ids[role] = tokens.index(text)
    return ids


def _chat_template(folder: Path, special: SpecialVocab) -> str:
    """chat_template.jinja first, as transformers 5 and `engine/rendering.py` have it."""
    written = folder / "chat_template.jinja"
    template = written.read_text(encoding="utf-8") if written.is_file() else special.chat_template
    if isinstance(template, list):
        template = next((entry.get("template") for entry in template if entry.get("name") == "default"), None)
    if not isinstance(template, str) or not template:
        raise MissingFile(
            f"{folder} has no chat template, neither in tokenizer_config.json nor as chat_template.jinja.",
            hint="A model without one cannot be prompted as it was trained.",
        )
    return template
