"""A conversation with a phone, folded from the phone worker's events. Values and pure functions, no Qt."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.jobs.events import (
    AnyEvent,
    ConfirmationWanted,
    Decided,
    Executed,
    LoadRefused,
    ModelLoaded,
    ModelUnloaded,
    Prompted,
    Replied,
    Token,
    Turn,
)  # fmt: skip
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import AskSettings

PhonePhase = Literal["off", "starting", "ready", "killed", "refused", "failed"]
EXCHANGES_KEPT = 500
HAPPENINGS_KEPT = 200


class Exchange(Struct, frozen=True, kw_only=True):
    """One request: what was asked, what was decided, what is said. `reply` grows while it is streamed."""

    request: str
    query: str
    earlier: tuple[Turn, ...] = ()  # the turns that it continues
    left: tuple[Turn, ...] = ()  # the turns that were open, where it turned out to be a request of its own
    settings: AskSettings = AskSettings()
    router_prompt: Prompted | None = None
    reasoner_prompt: Prompted | None = None
    decided: Decided | None = None
    wanted: ConfirmationWanted | None = None  # nothing is sent before the user agrees
    executed: Executed | None = None
    reply: str = ""
    replied: Replied | None = None
    is_lost: bool = False  # the phone ended before it answered

    @property
    def continues(self) -> bool:
        """Whether it answers a question of the phone."""
        return bool(self.earlier)

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

    def before(self, request: str) -> Conversation:
        """The conversation up to, and without, a request: where a fork begins."""
        names = [exchange.request for exchange in self.exchanges]
        kept = self.exchanges[: names.index(request)] if request in names else self.exchanges
        return replace(self, exchanges=kept)


def asked(
    conversation: Conversation, request: str, query: str, *, earlier: list[Turn] | None = None,
    settings: AskSettings | None = None,
) -> Conversation:  # fmt: skip
    """The conversation with one more open request."""
    exchange = Exchange(request=request, query=query, earlier=tuple(earlier or ()), settings=settings or AskSettings())
    return replace(conversation, exchanges=(*conversation.exchanges, exchange)[-EXCHANGES_KEPT:])


def heard(conversation: Conversation, event: AnyEvent) -> Conversation:
    """The conversation after an event of the phone."""
    match event:
        case Decided():
            return _decided(conversation, event)
        case Prompted():
            which = "router_prompt" if event.tier == 1 else "reasoner_prompt"
            return _changed(conversation, event.request, **{which: event})
        case ConfirmationWanted():
            return _changed(conversation, event.request, wanted=event)
        case Executed():
            return _changed(conversation, event.request, executed=event, wanted=None)
        case Token():
            known = conversation.find(event.request)
            reply = known.reply + event.text if known is not None else ""
            return _changed(conversation, event.request, reply=reply)
        case Replied():
            return _changed(conversation, event.request, replied=event, reply=event.reply, wanted=None)
    happening = happening_of(event)
    return conversation if happening is None else with_happening(conversation, happening)


def _decided(conversation: Conversation, event: Decided) -> Conversation:
    known = conversation.find(event.request)
    if known is None or not event.began_anew:
        return _changed(conversation, event.request, decided=event)
    return _changed(conversation, event.request, decided=event, earlier=(), left=known.earlier)


def ended(conversation: Conversation) -> Conversation:
    """The conversation after the phone ended: what was open is lost."""
    exchanges = tuple(replace(each, is_lost=True) if each.is_open else each for each in conversation.exchanges)
    return replace(conversation, exchanges=exchanges)


def confirmed(conversation: Conversation, request: str) -> Conversation:
    """The conversation after the user answered whether something may be sent."""
    return _changed(conversation, request, wanted=None)


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
