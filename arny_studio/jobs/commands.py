"""What a worker hears: one JSON object per line on its standard input."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from arny_studio.jobs.events import Turn
from arny_studio.recipe.phone import AskSettings


class Command(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every command carries: nothing but its type."""


class Stop(Command, tag="stop", frozen=True, kw_only=True):
    """End the work: after saving what there is, or at once."""

    mode: Literal["save", "now"] = "save"


class Ask(Command, tag="ask", frozen=True, kw_only=True):
    """Route a query on the phone. `earlier` are the turns of the request that it continues, so slots are kept; where it
    `may_begin_anew`, words that ask for something else leave them behind."""

    request: str
    query: str
    earlier: list[Turn] = []
    may_begin_anew: bool = False
    settings: AskSettings | None = None  # None: the phone's own


class Confirm(Command, tag="confirm", frozen=True, kw_only=True):
    """The user's answer to `ConfirmationWanted`."""

    request: str
    is_confirmed: bool


class CancelReply(Command, tag="cancel_reply", frozen=True, kw_only=True):
    """Stop streaming the reply to a request."""

    request: str


class MemoryPressure(Command, tag="memory_pressure", frozen=True, kw_only=True):
    """The phone's system asks for memory: Tier-2 is unloaded at once."""


class InspectedTurn(Struct, frozen=True):
    """One turn of a conversation that is looked at."""

    role: str
    content: str


class Inspect(Command, tag="inspect", frozen=True, kw_only=True):
    """Render a conversation as it is trained with this base model. Of several waiting wishes the newest is answered."""

    request: str
    base: str  # folder of the base model, or its Hub id
    turns: list[InspectedTurn]
    max_length: int  # tokens, as in the training recipe


AnyCommand = Stop | Ask | Confirm | CancelReply | MemoryPressure | Inspect
