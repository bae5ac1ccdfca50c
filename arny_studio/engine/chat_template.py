"""Chat templates: messages → prompt text, in a sandbox. Knows nothing of tokens, models or llama.cpp.

A template comes from a foreign file and is hostile input: it runs in jinja2's immutable sandbox, its output is bounded,
and whatever goes wrong inside it is one sentence about the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import Struct

from arny_studio.errors import BadInput

MAX_SOURCE_CHARS = 100_000
MAX_OVERHEAD_CHARS = 200_000  # what a template may add to the messages themselves

# Private-use characters around a message's number: they stand for its content while the template runs.
_MARK_OPEN, _MARK_CLOSE = "\ue000", "\ue001"


class Message(Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    content: str


class Piece(Struct, frozen=True):
    """A stretch of prompt text. `message` is the index of the message it came from, None for the template's own text."""

    text: str
    message: int | None = None


class ChatTemplate:
    """A compiled chat template. `of` names the file that it comes from in what is said about it.

    Raises BadInput where the source is no jinja2 template.
    """

    def __init__(self, source: str, *, bos_token: str = "", eos_token: str = "", of: str = "") -> None:
        self._name = f"The chat template of {of}" if of else "The chat template"
        if len(source) > MAX_SOURCE_CHARS:
            raise BadInput(f"{self._name} is {len(source):,} characters long; {MAX_SOURCE_CHARS:,} are allowed.")
        self.source = source
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        try:
            self._template = _environment().from_string(source)
        except (jinja2.TemplateError, RecursionError) as error:
            raise BadInput(f"{self._name} is not a jinja2 template: {str(error).rstrip('.')}.") from error

    def render(self, messages: Sequence[Message], *, add_generation_prompt: bool = False) -> str:
        """The prompt text, exactly as the template writes it."""
        limit = MAX_OVERHEAD_CHARS + 2 * sum(len(message.content) for message in messages)
        turns = [{"role": message.role, "content": message.content} for message in messages]
        parts: list[str] = []
        total = 0
        try:
            for part in self._template.generate(
                messages=turns, add_generation_prompt=add_generation_prompt, **self._tokens
            ):
                parts.append(part)
                total += len(part)
                if total > limit:
                    raise BadInput(f"{self._name} writes far more text than the messages hold.")
        except BadInput:
            raise
        except Exception as error:  # a template is foreign code: every failure of it is bad input
            raise BadInput(f"{self._name} failed: {type(error).__name__}: {error}") from error
        return "".join(parts)

    def pieces(
        self, messages: Sequence[Message], *, control_tokens: Iterable[str] = (), add_generation_prompt: bool = False
    ) -> list[Piece]:
        """The prompt as the template's own text and the messages' contents, so that only the former may hold controls.

        Joined, the pieces are what `render` gives. A template that changes contents (strips, splits) cannot be taken
        apart; then the contents lose every control token before it sees them, and all is one piece of template text.
        """
        marked = [Message(message.role, f"{_MARK_OPEN}{n}{_MARK_CLOSE}") for n, message in enumerate(messages)]
        pieces = _split_at_marks(self.render(marked, add_generation_prompt=add_generation_prompt), messages)
        if "".join(piece.text for piece in pieces) == self.render(
            messages, add_generation_prompt=add_generation_prompt
        ):
            return pieces
        harmless = [Message(message.role, without_controls(message.content, control_tokens)) for message in messages]
        return [Piece(self.render(harmless, add_generation_prompt=add_generation_prompt))]


def without_controls(text: str, control_tokens: Iterable[str]) -> str:
    """The text without any control token, also where removing one would join two halves of another."""
    names = sorted((token for token in control_tokens if token), key=len, reverse=True)
    while True:
        shorter = text
        for name in names:
            shorter = shorter.replace(name, "")
        if shorter == text:
            return text
        text = shorter


def _split_at_marks(marked: str, messages: Sequence[Message]) -> list[Piece]:
    head, *rest = marked.split(_MARK_OPEN)
    pieces = [Piece(head)] if head else []
    for part in rest:
        number, closed, tail = part.partition(_MARK_CLOSE)
        if not closed or not number.isdecimal() or int(number) >= len(messages):
            return []
        pieces.append(Piece(messages[int(number)].content, int(number)))
        if tail:
            pieces.append(Piece(tail))
    return pieces


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json  # jinja2's own escapes HTML, which no prompt wants
    environment.globals["raise_exception"] = _raise_exception
    return environment


def _to_json(value: Any, indent: int | None = None) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(sentence: str) -> NoReturn:
    raise BadInput(f"The chat template refuses these messages: {sentence}")
