"""Two phones asked the same: what each did, line by line, and where they differ. Values and pure functions, no Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import orjson
from msgspec import Struct

from arny_studio.ui.chat.conversation import Conversation, Exchange
from arny_studio.ui.chat.inspector import ACTION_WORDS, milliseconds_in_words


class Side(Struct, frozen=True, kw_only=True):
    """What became of one phone: `state` in words, the exchange once it was asked, and what its memory went through."""

    title: str = ""
    state: str = ""
    conversation: Conversation = Conversation()

    @property
    def exchange(self) -> Exchange | None:
        """The one request that was asked."""
        return self.conversation.exchanges[-1] if self.conversation.exchanges else None


class ComparedLine(Struct, frozen=True, kw_only=True):
    """One aspect. Figures of time and memory are shown, but only decisions and words count as different."""

    name: str
    left: str
    right: str
    kind: Literal["words", "figure"] = "words"

    @property
    def differs(self) -> bool:
        """Whether the two sides disagree about something that was decided or said."""
        return self.kind == "words" and bool(self.left) and bool(self.right) and self.left != self.right


def compared(left: Side, right: Side) -> list[ComparedLine]:
    """Path, every field of the decisions, replies, then time and memory."""
    lines = [ComparedLine(name="Path", left=_path(left), right=_path(right))]
    lines += _fields(left, right)
    lines.append(ComparedLine(name="Reply", left=_reply(left), right=_reply(right)))
    lines += [
        ComparedLine(name=name, left=_figure(left, figure), right=_figure(right, figure), kind="figure")
        for name, figure in _FIGURES
    ]
    lines.append(ComparedLine(name="Memory", left=_memory(left), right=_memory(right), kind="figure"))
    return [line for line in lines if line.left or line.right]


def verdict(lines: list[ComparedLine]) -> str:
    """How many lines differ, in a sentence; empty before both sides answered."""
    if not any(line.name == "Reply" and line.left and line.right for line in lines):
        return ""
    differing = [line.name.lower() for line in lines if line.differs]
    if not differing:
        return "Both decide and say the same."
    *first, last = differing
    return f"They differ in {', '.join(first)} and {last}." if first else f"They differ in {last}."


def _fields(left: Side, right: Side) -> list[ComparedLine]:
    one, other = _decision(left), _decision(right)
    names = list(dict.fromkeys([*one, *other]))
    return [
        ComparedLine(name=name.replace("_", " ").capitalize(), left=_written(one, name), right=_written(other, name))
        for name in names
    ]


def _decision(side: Side) -> dict[str, Any]:
    decided = side.exchange.decided if side.exchange is not None else None
    return (decided.decision or {}) if decided is not None else {}


def _written(decision: dict[str, Any], name: str) -> str:
    """A field as people read it; empty where the decision lacks it."""
    if name not in decision:
        return ""
    match decision[name]:
        case None | []:
            return "none"
        case bool(value):
            return "yes" if value else "no"
        case list(values) if all(isinstance(value, str) for value in values):
            return ", ".join(values)
        case str(text):
            return text
        case value:
            return orjson.dumps(value).decode()


def _path(side: Side) -> str:
    if side.exchange is None or not side.exchange.action:
        return ""
    return ACTION_WORDS.get(side.exchange.action, (side.exchange.action, ""))[0]


def _reply(side: Side) -> str:
    return side.exchange.reply if side.exchange is not None else ""


def _memory(side: Side) -> str:
    return "\n".join(happening.text for happening in side.conversation.happenings)


def _figure(side: Side, figure: Callable[[Any], str]) -> str:
    replied = side.exchange.replied if side.exchange is not None else None
    return figure(replied) if replied is not None else ""


_FIGURES: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("Time", lambda replied: milliseconds_in_words(replied.ms)),
    ("First word", lambda replied: milliseconds_in_words(replied.first_token_ms) if replied.first_token_ms else ""),
    ("Tokens per second", lambda replied: f"{replied.tokens_per_s:.0f}" if replied.tokens_per_s else ""),
    (
        "Expected on the phone",
        lambda replied: milliseconds_in_words(replied.expected_ms) if replied.expected_ms else "",
    ),
    ("Peak memory", lambda replied: f"{replied.peak_mib:,.0f} MiB"),
    ("Loads of Tier-2", lambda replied: str(replied.loads)),
)
