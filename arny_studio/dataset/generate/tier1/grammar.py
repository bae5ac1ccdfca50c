"""The mini-language of the phrase banks: text to a tree. Knows nothing of slots' values or of randomness.

`(a|b|c)` chooses, `(a|)` may vanish, `{slot}` stands for a value, `{slot=words}` for just these words as the slot's value,
`{...}` for any of the slots the template does not carry, and a backslash takes the meaning from the next character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from arny_studio.errors import ArnyError

_SLOT = re.compile(r"\{(?:(\.\.\.)|([a-z][a-z0-9_]*)(?:=([^(|){}\\]+))?)\}")
_SPECIAL = "(|){}\\"


class GrammarError(ArnyError):
    """A template of a phrase bank cannot be read."""


class Text(Struct, frozen=True):
    """Words that are said as they stand."""

    value: str


class Slot(Struct, frozen=True):
    """A value that is drawn when the template is spoken, or `words` where the template says which."""

    name: str
    words: str | None = None


class Rest(Struct, frozen=True):
    """Some of the slots that the template does not carry itself."""


class Sequence(Struct, frozen=True):
    """Parts, one after the other."""

    parts: tuple[Node, ...]


class Choice(Struct, frozen=True):
    """One of several branches, all equally likely."""

    branches: tuple[Node, ...]


Node = Text | Slot | Rest | Sequence | Choice


def parse_template(text: str) -> Node:
    """Read one template. Raises `GrammarError` with the column where it goes wrong."""
    node, end = _sequence(text, 0, depth=0)
    if end != len(text):
        raise _error(text, end, "a bracket is closed that was never opened")
    return node


def slot_names(node: Node) -> Iterator[str]:
    """Every slot name that occurs in the tree, in order, with repeats."""
    match node:
        case Slot(name):
            yield name
        case Sequence(children) | Choice(children):
            for child in children:
                yield from slot_names(child)
        case Text() | Rest():
            return


def escape(text: str) -> str:
    """Text that `parse_template` reads back as exactly these characters."""
    return "".join("\\" + char if char in _SPECIAL else char for char in text)


def _sequence(text: str, start: int, depth: int) -> tuple[Node, int]:
    parts: list[Node] = []
    words: list[str] = []
    at = start
    while at < len(text) and not (depth and text[at] in "|)"):
        char = text[at]
        if char == "\\":
            words.append(_escaped(text, at))
            at += 2
        elif char in "({":
            _flush(words, parts)
            node, at = _choice(text, at, depth) if char == "(" else _slot(text, at)
            parts.append(node)
        elif char in "|)}":
            raise _error(text, at, f"'{char}' stands outside of a choice or slot")
        else:
            words.append(char)
            at += 1
    _flush(words, parts)
    return (parts[0] if len(parts) == 1 else Sequence(tuple(parts))), at


def _choice(text: str, start: int, depth: int) -> tuple[Node, int]:
    branches: list[Node] = []
    at = start
    while True:
        node, at = _sequence(text, at + 1, depth + 1)
        branches.append(node)
        if at >= len(text):
            raise _error(text, start, "this bracket is never closed")
        if text[at] == ")":
            return Choice(tuple(branches)), at + 1


def _slot(text: str, start: int) -> tuple[Node, int]:
    match = _SLOT.match(text, start)
    if match is None:
        raise _error(text, start, "a slot is written {name} in lower case, {name=words} or {...}")
    return (Rest() if match[1] else Slot(match[2], match[3])), match.end()


def _escaped(text: str, at: int) -> str:
    if at + 1 >= len(text):
        raise _error(text, at, "a backslash stands at the very end")
    return text[at + 1]


def _flush(words: list[str], parts: list[Node]) -> None:
    if words:
        parts.append(Text("".join(words)))
        words.clear()


def _error(text: str, at: int, reason: str) -> GrammarError:
    return GrammarError(f"Template “{text}”, column {at + 1}: {reason}.")
