"""One simulated phone: a query → the router's decision → what follows from it → a reply, told event by event.

Decides which model works when; memory is `phone_memory`'s business, decoding the decoders', the cloud `cloud`'s. One
call of `ask` answers one request and keeps nothing of it; nothing here reads commands or writes files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import orjson

from arny_studio.contract import Action, Contract, Decoded, Routing, Thresholds, decide, load_contract
from arny_studio.device import load_profile
from arny_studio.engine.chat_template import Message
from arny_studio.engine.cloud import Cloud
from arny_studio.engine.cloud_result import CloudResult, is_told_in, lay_out
from arny_studio.engine.exchange import Exchange
from arny_studio.engine.llama_session import ContextFull, Interrupted, LlamaSession
from arny_studio.engine.new_request import goes_elsewhere, reads_as_request
from arny_studio.engine.phone_memory import PhoneMemory
from arny_studio.engine.prompt_cache import user_prompt_cache
from arny_studio.engine.prompting import prompt_text, template_of
from arny_studio.engine.reasoner import Reasoner
from arny_studio.engine.router_decoding import DecodedRoute, RouterDecoder
from arny_studio.errors import ArnyError
from arny_studio.jobs.events import ConfirmationWanted, Event, Executed, Prompted, Replied, Token, Turn
from arny_studio.recipe import AskSettings, PhoneRecipe

Interruption = Literal["cancel", "pressure", "stop", "yes", "no"]

EMPTY_QUERY_REPLY = "What can I do for you?"
PRESSURE_NOTE = "(Ended early: the phone's system asked for the memory.)"
CANCEL_NOTE = "(Stopped.)"
UNTOLD_NOTE = "(Tier-2's words named nothing of this result, so it stands as it came.)"
DECLINED_REPLY = "Nothing was sent, since you did not agree to it."
NOBODY_REPLY = "Nothing was sent: this needs a confirmation, and nobody is here to give it."
_LOOK_S = 0.02


class Phone:
    """A phone that is switched on: Tier-1 is resident, Tier-2 as its residency plan says. A context manager.

    `interrupted` is asked between tokens for a command that cannot wait; `can_confirm` says whether somebody is there
    who can agree to what is to be sent.
    Raises MissingFile, BadInput or BadRecipe for what the recipe names, MemoryCap where Tier-1 does not fit.
    """

    def __init__(
        self,
        recipe: PhoneRecipe,
        *,
        emit: Callable[[Event], None],
        interrupted: Callable[[], Interruption | None] = lambda: None,
        can_confirm: bool = False,
    ) -> None:
        self.recipe, self._emit, self._interrupted, self._can_confirm = recipe, emit, interrupted, can_confirm
        self.contract: Contract = load_contract(recipe.contract)
        self.profile = recipe.profile or load_profile(recipe.device)
        self._cloud = Cloud(recipe.connectors)
        tier2 = Path(recipe.tier2) if recipe.tier2 else None
        self.memory = PhoneMemory(self.profile, Path(recipe.tier1), tier2, emit=emit, threads=recipe.threads)
        self._wish: Interruption | None = None
        self._awaits_confirmation = False
        self._tier2_used_at = time.monotonic()
        try:
            self._switch_on()
        except BaseException:
            self.memory.close()
            raise

    def close(self) -> None:
        """Release both models."""
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def mode(self) -> str:
        """The residency mode that holds: lite, full_local or both_resident."""
        return self.memory.plan.mode

    def relieve_pressure(self) -> None:
        """The phone's system wants memory: Tier-2 goes at once."""
        self.memory.unload(2, "the phone's system asked for memory")

    def tick(self) -> None:
        """To be called now and then while nothing is asked: enforces the cap and the idle time of Tier-2."""
        self.memory.watchdog.check()
        is_idle = time.monotonic() - self._tier2_used_at >= self.profile.idle_s
        if self.memory.session(2) is not None and is_idle:
            self.memory.unload(2, f"unused for {self.profile.idle_s:g} s")

    def ask(
        self,
        request: str,
        query: str,
        *,
        earlier: Sequence[Turn] = (),
        may_begin_anew: bool = False,
        settings: AskSettings | None = None,
    ) -> Replied:
        """Answer a request. `earlier` are the turns that it continues: `Replied.open_turns` of the question before.

        Where it `may_begin_anew` and asks for something else, they are left out (`Decided.began_anew`). The returned event is also emitted. Raises MemoryCap where the phone is over its cap afterwards or on the way.
        """
        query = query.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be passed on
        exchange = Exchange(request, query, earlier, settings or self.recipe.ask_settings)
        exchange.may_begin_anew = may_begin_anew
        self._wish, self._awaits_confirmation = None, False
        self.memory.watchdog.forget_peak()
        loads = self.memory.loads
        try:
            action, reply = self._answer(exchange)
        except Interrupted:
            self.memory.watchdog.check()
            is_pressure = self._wish == "pressure"
            self._take_back_memory()
            action, reply = "cancelled", PRESSURE_NOTE if is_pressure else CANCEL_NOTE
        self.memory.watchdog.look()
        self.memory.watchdog.check()
        replied = exchange.replied(action, reply, self.memory.watchdog.peak, self.memory.loads - loads)
        self._emit(replied)
        return replied

    # -- routing ---------------------------------------------------------------------------------------------------

    def _switch_on(self) -> None:
        session = self.memory.load(1)
        self._router = RouterDecoder.opened(session, self.contract)
        self._router.warm(self._system("tier1"))
        self._known_tokens = len(session.tokens())
        self.memory.note_use(1)
        if self.mode == "both_resident":
            self.memory.load(2)

    def _answer(self, exchange: Exchange) -> tuple[str, str]:
        if not exchange.query.strip():
            return self._without_decision(exchange, "clarify", "The query is empty.", EMPTY_QUERY_REPLY)
        try:
            decoded = self._route(exchange)
        except ContextFull as error:
            reply = f"{error.sentence} {error.hint}".strip()
            return self._without_decision(exchange, "router_error", error.sentence, reply)
        action = self._action(exchange, decoded)
        problems = [problem.sentence for problem in decoded.problems]
        self._emit(exchange.decided(action, self._thresholds(exchange), problems))
        exchange.asks_back = action.kind == "clarify"
        return action.kind, self._perform(action, exchange)

    def _route(self, exchange: Exchange) -> Decoded:
        route = self._routed_anew(exchange)
        try:
            route = route or self._routed(exchange, exchange.turns)
        except ContextFull:
            if len(exchange.turns) == 1:
                raise
            exchange.begin_anew()  # a long conversation: the newest words alone may still fit
            return self._route(exchange)
        self.memory.note_use(1)
        exchange.note_route(route, max(0, route.prompt_tokens - self._known_tokens))
        session = self._router.session
        self._tell_prompt(exchange, 1, session, exchange.turns, route.prompt_tokens)
        exchange.note_expected(self.profile, 1, session)
        return route.decoded

    def _routed(self, exchange: Exchange, turns: Sequence[Message]) -> DecodedRoute:
        settings = exchange.settings
        return self._router.decide(
            [self._system("tier1"), *turns],
            constrained=settings.constrained,
            temperature=settings.router_temperature,
            max_tokens=settings.router_max_tokens,
            seed=settings.seed,
            threshold=settings.complexity_threshold,
            should_stop=self._should_stop_routing,
        )

    def _routed_anew(self, exchange: Exchange) -> DecodedRoute | None:
        """The decision about the newest words alone, where they leave the request that is open; else None."""
        if not exchange.may_begin_anew or len(exchange.turns) == 1 or not reads_as_request(exchange.query):
            return None
        alone = self._routed(exchange, exchange.turns[-1:])
        if not goes_elsewhere(self.contract, alone.decoded, exchange.turns, exchange.settings.confidence_floor):
            return None
        exchange.begin_anew()
        return alone

    def _action(self, exchange: Exchange, decoded: Decoded) -> Action:
        """What follows. Where Tier-2 is wanted and not admitted, the refusal is told and the action falls back."""
        thresholds = self._thresholds(exchange)
        wished = decide(self.contract, decoded, thresholds=thresholds, can_reason=self.mode != "lite")
        if wished.kind != "reason" and not wished.composes_with_tier2:
            return wished
        admission = None if self.memory.session(2) else self.memory.admission(2)
        if admission is None or admission.fits:
            return wished
        self.memory.refuse(2, admission)
        return decide(self.contract, decoded, thresholds=thresholds, can_reason=False)

    def _without_decision(self, exchange: Exchange, action: str, sentence: str, reply: str) -> tuple[str, str]:
        because = Action(kind="router_error" if action == "router_error" else "clarify", because=sentence)
        self._emit(exchange.decided(because, self._thresholds(exchange), [sentence]))
        return action, reply

    def _should_stop_routing(self) -> bool:
        """Memory pressure takes Tier-2 and lets the router go on; all else ends it."""
        if self._poll() == "pressure":
            self._take_back_memory()
        return self._wish is not None

    # -- acting ----------------------------------------------------------------------------------------------------

    def _perform(self, action: Action, exchange: Exchange) -> str:
        if action.kind == "reason":
            return self._reason(exchange, exchange.words)
        if action.kind == "execute":
            return self._execute(action, exchange)
        return action.text

    def _execute(self, action: Action, exchange: Exchange) -> str:
        """Ask the cloud; Tier-2 words the result where it is resident or the request is complex, else the style does."""
        decision = exchange.decision or {}
        routing = Routing.of(self.contract, decision)
        sentence = self._cloud.confirmation(routing)
        if sentence and not self._confirmed(exchange, routing, sentence):
            return DECLINED_REPLY if self._can_confirm else NOBODY_REPLY
        started = time.perf_counter()
        try:
            result = self._cloud.execute(routing, decision, exchange.words, should_stop=self._should_stop_routing)
        except ArnyError as error:
            return f"{error.sentence} {error.hint}".strip()
        finally:
            exchange.stages_ms["execute"] = 1000 * (time.perf_counter() - started)
        rows = list(result.rows)
        self._emit(Executed(request=exchange.request, label=result.label, is_simulated=result.is_simulated, rows=rows))
        if not action.composes_with_tier2 and self.memory.session(2) is None:
            return lay_out(result, routing.style)
        return self._worded(exchange, result, routing.style)

    def _worded(self, exchange: Exchange, result: CloudResult, style: str) -> str:
        """Tier-2's words about a result; where they talk past it, the result itself."""
        said = self._reason(exchange, _to_be_worded(exchange.words, result))
        if is_told_in(said, result) or said.endswith((PRESSURE_NOTE, CANCEL_NOTE)):
            return f"{result.label}\n{said}"
        return f"{lay_out(result, style)}\n\n{UNTOLD_NOTE}"

    def _confirmed(self, exchange: Exchange, routing: Routing, sentence: str) -> bool:
        """Whether the user agrees. Waits for the answer; a wish to end the request ends the wait."""
        if not self._can_confirm:
            return False
        self._emit(ConfirmationWanted(request=exchange.request, connector=routing.journey, sentence=sentence))
        started = time.perf_counter()
        self._awaits_confirmation = True
        while (wish := self._poll()) not in ("yes", "no"):
            self.memory.watchdog.check()
            if wish == "pressure":
                self._take_back_memory()
            elif wish is not None:
                raise Interrupted
            time.sleep(_LOOK_S)
        self._wish, self._awaits_confirmation = None, False
        exchange.stages_ms["confirm"] = 1000 * (time.perf_counter() - started)
        return wish == "yes"

    def _reason(self, exchange: Exchange, words: str) -> str:
        started = time.perf_counter()
        session = self.memory.load(2, should_stop=lambda: self._poll() is not None)
        exchange.stages_ms["load_tier2"] = 1000 * (time.perf_counter() - started)
        reasoner = Reasoner(session, template_of(session), prompts=user_prompt_cache())
        try:
            reply = self._stream(reasoner, exchange, words)
        except ContextFull as error:
            reply = f"{error.sentence} {error.hint}".strip()
        finally:
            self._tier2_used_at = time.monotonic()
            self.memory.note_use(2)
            exchange.note_answer(reasoner)
            exchange.note_expected(self.profile, 2, session)
            if self.mode == "full_local" and self._wish != "pressure":
                self.memory.unload(2, "released after use")
        self._take_back_memory()
        return reply

    def _stream(self, reasoner: Reasoner, exchange: Exchange, words: str) -> str:
        """Tell the answer piece by piece; a wish to end it keeps what was said, with a note."""
        settings, turns = exchange.settings, [Message("user", words)]
        said: list[str] = []
        for piece in reasoner.stream(
            [self._system("tier2"), *turns],
            temperature=settings.reasoner_temperature,
            max_tokens=settings.reasoner_max_tokens,
            seed=settings.seed,
        ):
            if not said:
                self._tell_prompt(exchange, 2, reasoner.session, turns, reasoner.prompt_tokens)
            exchange.note_first_token()
            said.append(piece)
            self._emit(Token(request=exchange.request, tier=2, text=piece))
            self.memory.watchdog.check()
            if (wish := self._poll()) is not None:
                said.append(f"\n{PRESSURE_NOTE if wish == 'pressure' else CANCEL_NOTE}")
                break
        return "".join(said)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _thresholds(self, exchange: Exchange) -> Thresholds:
        settings = exchange.settings
        return Thresholds(complexity=settings.complexity_threshold, confidence=settings.confidence_floor)

    def _poll(self) -> Interruption | None:
        """Ask for a command that cannot wait; a wish once heard holds until the request is over."""
        if self._wish is None:
            heard = self._interrupted()
            is_stale = heard in ("yes", "no") and not self._awaits_confirmation
            self._wish = None if is_stale else heard
        return self._wish

    def _take_back_memory(self) -> None:
        if self._wish == "pressure":
            self.relieve_pressure()
            self._wish = None

    def _tell_prompt(
        self, exchange: Exchange, tier: Literal[1, 2], session: LlamaSession, turns: Sequence[Message], tokens: int
    ) -> None:
        system = self._system("tier1" if tier == 1 else "tier2")
        text = prompt_text(session, template_of(session), [system, *turns])
        self._emit(Prompted(request=exchange.request, tier=tier, text=text, tokens=tokens, context=session.context))

    def _system(self, tier: Literal["tier1", "tier2"]) -> Message:
        return Message("system", self.contract.system_prompt(tier))


def _to_be_worded(words: str, result: CloudResult) -> str:
    """What Tier-2 is asked to turn into a reply."""
    rows = orjson.dumps(result.rows).decode()
    kind = "Sample results" if result.is_simulated else "Results"
    return f"{words}\n\n{kind} from {result.connector}: {rows}\nSum them up."
