"""Conversations → token ids and labels, as the model will see them. Chat template and tokenizer come from its folder.

Loss falls on what the assistant says and on the token that closes its turn, so that the model learns to stop; all
else is masked. Works with any template that writes contents unchanged and closes a turn with a special token, because
the spans come from the template itself and not from knowledge of ChatML. Needs neither torch nor transformers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import tokenizers
from msgspec import Struct

from arny_studio.engine import chat_template
from arny_studio.engine.chat_template import ChatTemplate, Piece
from arny_studio.errors import BadInput, MissingFile

IGNORED = -100  # the label that cross-entropy passes over, in torch and everything built on it
ROLES = ("system", "user", "assistant")


class Turn(Protocol):
    """What the renderer asks of a message."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...


class Rendered(Struct, frozen=True):
    """One conversation as tokens. `labels` is as long as `ids`: the id where it is learnt, -100 elsewhere."""

    ids: list[int]
    labels: list[int]
    supervised: int
    is_truncated: bool = False
    full_length: int = 0  # tokens before truncation


class Traced(Struct, frozen=True):
    """One conversation as it is trained, with where each token stands in the text.

    `offsets` are (start, end) in characters, `labels` those of the whole conversation: the loss sees the first `kept`.
    """

    text: str
    ids: list[int]
    labels: list[int]
    offsets: list[tuple[int, int]]
    kept: int

    @property
    def supervised(self) -> int:
        """Tokens under the loss."""
        return self.kept - self.labels[: self.kept].count(IGNORED)


class Renderer:
    """Chat template and tokenizer of one model folder."""

    def __init__(self, template: ChatTemplate, tokenizer: tokenizers.Tokenizer) -> None:
        self.template = template
        self.tokenizer = tokenizer
        self._controls = {
            token.content: number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special
        }
        self._control_pattern = re.compile("|".join(map(re.escape, self._controls)) or r"(?!)")
        self.end_of_turn: str = self._find_end_of_turn()
        self._closing = re.compile(r"\s*" + re.escape(self.end_of_turn))

    @classmethod
    def from_folder(cls, model_folder: Path) -> Renderer:
        """Read tokenizer.json and the chat template. Raises MissingFile or BadInput, saying which file is the matter."""
        if not model_folder.is_dir():
            raise MissingFile(f"There is no model folder at {model_folder}.")
        config = _read_json(model_folder / "tokenizer_config.json")
        tokenizer = _read_tokenizer(model_folder)
        template = ChatTemplate(
            _template_source(model_folder, config),
            bos_token=_token_text(config.get("bos_token")),
            eos_token=_token_text(config.get("eos_token")),
        )
        return cls(template, tokenizer)

    def render(self, messages: Sequence[Turn], *, add_generation_prompt: bool = False) -> str:
        """The conversation as the template writes it. Raises BadInput for a role that no template knows."""
        return self.template.render(_checked(messages), add_generation_prompt=add_generation_prompt)

    def prompt_ids(self, messages: Sequence[Turn]) -> list[int]:
        """The tokens of a conversation that waits for the assistant."""
        return self.tokenizer.encode(self.render(messages, add_generation_prompt=True), add_special_tokens=False).ids

    def encode(self, messages: Sequence[Turn], *, max_length: int | None = None) -> Rendered:
        """Ids and labels of a whole conversation, cut at its end where it is longer than `max_length` tokens."""
        text, spans = self._text_and_spans(messages)
        return _labelled(self.tokenizer.encode(text, add_special_tokens=False), spans, max_length)

    def trace(self, messages: Sequence[Turn], *, max_length: int | None = None) -> Traced:
        """What `encode` makes of a conversation, and where in the rendered text each of its tokens stands.

        Raises BadInput for what `encode` refuses.
        """
        text, spans = self._text_and_spans(messages)
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        kept = len(_labelled(encoding, spans, max_length).ids)
        return Traced(text, encoding.ids, _labelled(encoding, spans, None).labels, encoding.offsets, kept)

    def encode_many(
        self, conversations: Iterable[Sequence[Turn]], *, max_length: int | None = None
    ) -> list[Rendered | BadInput]:
        """`encode` for many conversations, tokenized in one go. One that cannot be used gives the reason in its place."""
        prepared = [self._text_and_spans_or_reason(messages) for messages in conversations]
        texts = [item[0] for item in prepared if not isinstance(item, BadInput)]
        encodings = iter(self.tokenizer.encode_batch(texts, add_special_tokens=False))
        return [
            item if isinstance(item, BadInput) else _labelled(next(encodings), item[1], max_length) for item in prepared
        ]

    @property
    def end_of_turn_id(self) -> int:
        """Id of the token that closes the assistant's turn: what generation must stop at."""
        return self._controls[self.end_of_turn]

    def _text_and_spans_or_reason(self, messages: Sequence[Turn]) -> tuple[str, list[tuple[int, int]]] | BadInput:
        try:
            return self._text_and_spans(messages)
        except BadInput as error:
            return error

    def _text_and_spans(self, messages: Sequence[Turn]) -> tuple[str, list[tuple[int, int]]]:
        """The text, and where in it (in characters) the assistant speaks, closing token included."""
        turns = _checked(messages)
        for index, turn in enumerate(turns):
            control = self._control_pattern.search(turn.content)
            if control is not None:
                raise BadInput(
                    f"Message {index + 1} contains the control token {control[0]}, which only templates write."
                )
        return self._spans(self._pieces(turns), turns)

    def _spans(self, pieces: list[Piece], turns: list[chat_template.Message]) -> tuple[str, list[tuple[int, int]]]:
        spans: list[tuple[int, int]] = []
        position = 0
        for piece, following in zip(pieces, [*pieces[1:], Piece("")], strict=True):
            if piece.message is not None and turns[piece.message].role == "assistant":
                closing = self._closing.match(following.text)
                if closing is None:
                    raise BadInput(f"The chat template does not close an assistant's turn with {self.end_of_turn}.")
                spans.append((position, position + len(piece.text) + closing.end()))
            position += len(piece.text)
        return "".join(piece.text for piece in pieces), spans

    def _pieces(self, turns: list[chat_template.Message]) -> list[Piece]:
        pieces = self.template.pieces(turns)
        if _holds_every(turns, pieces):
            return pieces
        # A template that trims contents writes the same text when it is given trimmed ones.
        trimmed = [chat_template.Message(turn.role, turn.content.strip()) for turn in turns]
        pieces = self.template.pieces(trimmed)
        if _holds_every(turns, pieces) and "".join(piece.text for piece in pieces) == self.template.render(turns):
            return pieces
        raise BadInput("The chat template rewrites what the assistant says, so it cannot be told what to learn.")

    def _find_end_of_turn(self) -> str:
        """The special token that the template writes after an assistant's content, found by rendering one turn."""
        probe = [chat_template.Message("user", "question"), chat_template.Message("assistant", "answer")]
        pieces = self._pieces(probe)
        spoken = next(index for index, piece in enumerate(pieces) if piece.message == 1)
        after = pieces[spoken + 1].text if spoken + 1 < len(pieces) else ""
        found = self._control_pattern.match(after.lstrip())
        if found is None:
            raise BadInput(
                "The chat template closes an assistant's turn with no special token of this tokenizer, so a model "
                "trained with it would never learn to stop."
            )
        return found[0]


def _checked(messages: Sequence[Turn]) -> list[chat_template.Message]:
    for index, message in enumerate(messages):
        if message.role not in ROLES:
            raise BadInput(
                f"Message {index + 1} has the role {message.role!r}; it should be one of {', '.join(ROLES)}."
            )
    return [chat_template.Message(message.role, message.content) for message in messages]


def _holds_every(turns: list[chat_template.Message], pieces: list[Piece]) -> bool:
    held = {piece.message for piece in pieces}
    return all(index in held for index, turn in enumerate(turns) if turn.role == "assistant")


def _labelled(encoding: tokenizers.Encoding, spans: list[tuple[int, int]], max_length: int | None) -> Rendered:
    """Labels by character offsets: a token is learnt where it lies wholly inside a span."""
    ids: list[int] = encoding.ids
    offsets: list[tuple[int, int]] = encoding.offsets
    labels = [IGNORED] * len(ids)
    remaining = iter(spans)
    span = next(remaining, None)
    for index, (start, end) in enumerate(offsets):
        while span is not None and start >= span[1]:
            span = next(remaining, None)
        if span is None:
            break
        if start >= span[0] and end <= span[1]:
            labels[index] = ids[index]
    kept = len(ids) if max_length is None else min(max_length, len(ids))
    labels = labels[:kept]
    return Rendered(ids[:kept], labels, kept - labels.count(IGNORED), kept < len(ids), len(ids))


def _read_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise MissingFile(f"{folder} has no tokenizer.json, so nothing can be tokenized for it.")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception for every fault of the file
        raise BadInput(f"{path} is not a tokenizer file: {error}.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # Its post-processor may trim white space off the offsets, and does nothing else where no tokens are added.
    tokenizer.post_processor = tokenizers.processors.Sequence([])
    return tokenizer


def _template_source(folder: Path, config: dict[str, Any]) -> str:
    """transformers 5 writes chat_template.jinja; older folders have it in the tokenizer's configuration."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} is not UTF-8 text.") from error
    found = config.get("chat_template")
    if isinstance(found, list):
        named = {item.get("name"): item.get("template") for item in found if isinstance(item, dict)}
        found = named.get("default")
    if not isinstance(found, str):
        raise MissingFile(
            f"{folder} has no chat template, neither chat_template.jinja nor one in tokenizer_config.json.",
            hint="Use a base with a ChatML template, such as Qwen2.5.",
        )
    return found


def _token_text(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path} should hold a JSON object.")
    return value
