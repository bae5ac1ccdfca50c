"""What a worker hears: one JSON object per line on its standard input."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Command(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every command carries: nothing but its type."""


class Stop(Command, tag="stop", frozen=True, kw_only=True):
    """End the work: after saving what there is, or at once."""

    mode: Literal["save", "now"] = "save"


class Ask(Command, tag="ask", frozen=True, kw_only=True):
    """Route a query on the phone. `continues` keeps the slots of the conversation's pending clarification."""

    request: str
    query: str
    continues: bool = False


class CancelReply(Command, tag="cancel_reply", frozen=True, kw_only=True):
    """Stop streaming the reply to a request."""

    request: str


class ForgetConversation(Command, tag="forget_conversation", frozen=True, kw_only=True):
    """Start a new conversation."""


class MemoryPressure(Command, tag="memory_pressure", frozen=True, kw_only=True):
    """The phone's system asks for memory: Tier-2 is unloaded at once."""


AnyCommand = Stop | Ask | CancelReply | ForgetConversation | MemoryPressure
