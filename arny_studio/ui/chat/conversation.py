"""A conversation with a phone, folded from the phone worker's events. Values and pure functions, no Qt."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.jobs.events import AnyEvent, Decided, LoadRefused, ModelLoaded, ModelUnloaded, Replied, Token, Turn
from arny_studio.jobs.outcome import Outcome

PhonePhase = Literal["off", "starting", "ready", "killed", "refused", "failed"]
EXCHANGES_KEPT = 500
HAPPENINGS_KEPT = 200


class Exchange(Struct, frozen=True, kw_only=True):
    """One request: what was asked, what was decided, what is said. `reply` grows while it is streamed."""

    request: str
    query: str
    continues: bool = False
    decided: Decided | None = None
    reply: str = ""
    replied: Replied | None = None
    is_lost: bool = False  # the phone ended before it answered

    @property
    def is_open(self) -> bool:
        """Whether the phone still works on it."""
        return self.replied is None and not self.is_lost

    @property
    def action(self) -> str:
        """The action that was taken, or that follows from the decision."""
        if self.replied is not None:
            return self.replied.action
        return self.decided.action if self.decided is not None else ""

    @property
    def stages_ms(self) -> dict[str, float]:
        """Milliseconds by stage, as far as they are known."""
        source = self.replied or self.decided
        return source.stages_ms if source is not None else {}


class Happening(Struct, frozen=True, kw_only=True):
    """Something that happened in the phone's memory."""

    time_s: float
    level: Literal["info", "warning", "error"]
    text: str


class Conversation(Struct, frozen=True, kw_only=True):
    """What was said since the last beginning, and what happened to the models meanwhile."""

    exchanges: tuple[Exchange, ...] = ()
    happenings: tuple[Happening, ...] = ()

    @property
    def open_request(self) -> str:
        """The request that the phone works on; empty where there is none."""
        return next((exchange.request for exchange in self.exchanges if exchange.is_open), "")

    @property
    def open_turns(self) -> list[Turn]:
        """What an answer to the last question continues; empty where the phone asked none."""
        replied = self.exchanges[-1].replied if self.exchanges else None
        return replied.open_turns if replied is not None else []

    def find(self, request: str) -> Exchange | None:
        """The exchange of a request."""
        return next((exchange for exchange in reversed(self.exchanges) if exchange.request == request), None)


def asked(conversation: Conversation, request: str, query: str, *, continues: bool) -> Conversation:
    """The conversation with one more open request."""
    exchange = Exchange(request=request, query=query, continues=continues)
    return replace(conversation, exchanges=(*conversation.exchanges, exchange)[-EXCHANGES_KEPT:])


def heard(conversation: Conversation, event: AnyEvent) -> Conversation:
    """The conversation after an event of the phone."""
    match event:
        case Decided():
            return _changed(conversation, event.request, decided=event)
        case Token():
            known = conversation.find(event.request)
            return (
                conversation if known is None else _changed(conversation, event.request, reply=known.reply + event.text)
            )
        case Replied():
            return _changed(conversation, event.request, replied=event, reply=event.reply)
    happening = happening_of(event)
    return conversation if happening is None else with_happening(conversation, happening)


def ended(conversation: Conversation) -> Conversation:
    """The conversation after the phone ended: what was open is lost."""
    exchanges = tuple(replace(each, is_lost=True) if each.is_open else each for each in conversation.exchanges)
    return replace(conversation, exchanges=exchanges)


def with_happening(conversation: Conversation, happening: Happening) -> Conversation:
    """The conversation with one more line about the memory."""
    return replace(conversation, happenings=(*conversation.happenings, happening)[-HAPPENINGS_KEPT:])


def happening_of(event: AnyEvent) -> Happening | None:
    """An event of the phone's memory in words; None for every other event."""
    match event:
        case ModelLoaded():
            text = f"Tier-{event.tier} loaded in {event.elapsed_ms:,.0f} ms: {event.file}"
            return Happening(time_s=event.time_s, level="info", text=text)
        case ModelUnloaded():
            text = f"Tier-{event.tier} unloaded: {event.because}"
            return Happening(time_s=event.time_s, level="info", text=text)
        case LoadRefused():
            text = " ".join(part for part in (f"Tier-{event.tier} refused.", event.sentence, event.remedy) if part)
            return Happening(time_s=event.time_s, level="warning", text=text)
    return None


def phase_after(outcome: Outcome, conversation: Conversation, *, was_ready: bool) -> PhonePhase:
    """What the end of the worker means for the phone."""
    if outcome.kind != "failed":
        return "off"
    if outcome.failure in ("memory_cap", "out_of_memory"):
        last = conversation.happenings[-1] if conversation.happenings else None
        is_refusal = not was_ready and last is not None and last.level == "warning"
        return "refused" if is_refusal else "killed"
    return "failed"


def _changed(conversation: Conversation, request: str, **changes: object) -> Conversation:
    exchanges = tuple(replace(each, **changes) if each.request == request else each for each in conversation.exchanges)
    return replace(conversation, exchanges=exchanges)
