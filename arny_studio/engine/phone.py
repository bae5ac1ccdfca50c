"""One simulated phone: a query → the router's decision → what follows from it → a reply, told event by event.

Holds the pending request and decides which model works when; memory is `phone_memory`'s business, decoding the
decoders'. One call of `ask` answers one request; nothing here reads commands or writes files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import orjson

from arny_studio.contract import Action, Contract, Decoded, Routing, Thresholds, decide, load_contract
from arny_studio.device import load_profile
from arny_studio.engine import cloud_sandbox
from arny_studio.engine.chat_template import Message
from arny_studio.engine.llama_session import ContextFull, Interrupted
from arny_studio.engine.phone_memory import PhoneMemory
from arny_studio.engine.prompting import template_of
from arny_studio.engine.reasoner import Reasoner
from arny_studio.engine.router_decoding import RouterDecoder
from arny_studio.jobs.events import Decided, Event, Replied, Token
from arny_studio.recipe import PhoneRecipe

Interruption = Literal["cancel", "pressure", "stop"]

EMPTY_QUERY_REPLY = "What can I do for you?"
PRESSURE_NOTE = "(Ended early: the phone's system asked for the memory.)"
CANCEL_NOTE = "(Stopped.)"


class Phone:
    """A phone that is switched on: Tier-1 is resident, Tier-2 as its residency plan says. A context manager.

    `interrupted` is asked between tokens for a command that cannot wait.
    Raises MissingFile, BadInput or BadRecipe for what the recipe names, MemoryCap where Tier-1 does not fit.
    """

    def __init__(
        self,
        recipe: PhoneRecipe,
        *,
        emit: Callable[[Event], None],
        interrupted: Callable[[], Interruption | None] = lambda: None,
    ) -> None:
        self.recipe, self._emit, self._interrupted = recipe, emit, interrupted
        self.contract: Contract = load_contract(recipe.contract)
        self.thresholds = Thresholds(complexity=recipe.complexity_threshold, confidence=recipe.confidence_floor)
        self.profile = load_profile(recipe.device)
        tier2 = Path(recipe.tier2) if recipe.tier2 else None
        self.memory = PhoneMemory(self.profile, Path(recipe.tier1), tier2, emit=emit, threads=recipe.threads)
        self._pending: list[Message] = []  # the turns of a request that waits for the user's answer
        self._wish: Interruption | None = None
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

    @property
    def awaits_answer(self) -> bool:
        """Whether the last reply was a question that the next query may answer."""
        return bool(self._pending)

    def forget(self) -> None:
        """Begin a new conversation."""
        self._pending = []

    def relieve_pressure(self) -> None:
        """The phone's system wants memory: Tier-2 goes at once."""
        self.memory.unload(2, "the phone's system asked for memory")

    def tick(self) -> None:
        """To be called now and then while nothing is asked: enforces the cap and the idle time of Tier-2."""
        self.memory.watchdog.check()
        is_idle = time.monotonic() - self._tier2_used_at >= self.profile.idle_s
        if self.memory.session(2) is not None and is_idle:
            self.memory.unload(2, f"unused for {self.profile.idle_s:g} s")

    def ask(self, request: str, query: str, *, continues: bool = False) -> Replied:
        """Answer a request. `continues` makes the query the answer to the pending question, earlier slots kept.

        The returned event is also emitted. Raises MemoryCap where the phone is over its cap afterwards or on the way.
        """
        query = query.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be passed on
        exchange = _Exchange(request, query, self._pending if continues else [])
        self._pending, self._wish = [], None
        self.memory.watchdog.forget_peak()
        loads = self.memory.loads
        try:
            action, reply = self._answer(exchange)
        except Interrupted:
            self.memory.watchdog.check()
            self._take_back_memory()
            action, reply = "cancelled", PRESSURE_NOTE if self._wish == "pressure" else CANCEL_NOTE
        self.memory.watchdog.look()
        self.memory.watchdog.check()
        replied = exchange.replied(action, reply, self.memory.watchdog.peak, self.memory.loads - loads)
        self._emit(replied)
        return replied

    # -- routing ---------------------------------------------------------------------------------------------------

    def _switch_on(self) -> None:
        session = self.memory.load(1)
        self._router = RouterDecoder(session, self.contract, template_of(session))
        self._router.warm(self._system("tier1"))
        self.memory.note_use(1)
        if self.mode == "both_resident":
            self.memory.load(2)

    def _answer(self, exchange: _Exchange) -> tuple[str, str]:
        if not exchange.query.strip():
            return self._without_decision(exchange, "clarify", "The query is empty.", EMPTY_QUERY_REPLY)
        try:
            decoded = self._route(exchange)
        except ContextFull as error:
            reply = f"{error.sentence} {error.hint}".strip()
            return self._without_decision(exchange, "router_error", error.sentence, reply)
        action = self._action(decoded)
        exchange.decision, exchange.valid = decoded.decision, decoded.is_valid
        self._emit(exchange.decided(decoded.text, [problem.sentence for problem in decoded.problems], action))
        if action.kind == "clarify":
            self._pending = [*exchange.turns, Message("assistant", decoded.text)]
        return action.kind, self._perform(action, exchange)

    def _route(self, exchange: _Exchange) -> Decoded:
        recipe = self.recipe
        try:
            route = self._router.decide(
                [self._system("tier1"), *exchange.turns],
                constrained=recipe.constrained,
                temperature=recipe.router_temperature,
                max_tokens=recipe.router_max_tokens,
                seed=recipe.seed,
                threshold=recipe.complexity_threshold,
                should_stop=self._should_stop_routing,
            )
        except ContextFull:
            if len(exchange.turns) == 1:
                raise
            del exchange.turns[:-1]  # a long conversation: the newest words alone may still fit
            return self._route(exchange)
        self.memory.note_use(1)
        exchange.stages_ms |= route.stages_ms
        return route.decoded

    def _action(self, decoded: Decoded) -> Action:
        """What follows. Where Tier-2 is wanted and not admitted, the refusal is told and the action falls back."""
        wished = decide(self.contract, decoded, thresholds=self.thresholds, can_reason=self.mode != "lite")
        if wished.kind != "reason" and not wished.composes_with_tier2:
            return wished
        admission = None if self.memory.session(2) else self.memory.admission(2)
        if admission is None or admission.fits:
            return wished
        self.memory.refuse(2, admission)
        return decide(self.contract, decoded, thresholds=self.thresholds, can_reason=False)

    def _without_decision(self, exchange: _Exchange, action: str, sentence: str, reply: str) -> tuple[str, str]:
        because = Action(kind="router_error" if action == "router_error" else "clarify", because=sentence)
        self._emit(exchange.decided("", [sentence], because))
        return action, reply

    def _should_stop_routing(self) -> bool:
        """Memory pressure takes Tier-2 and lets the router go on; all else ends it."""
        if self._poll() == "pressure":
            self._take_back_memory()
        return self._wish is not None

    # -- acting ----------------------------------------------------------------------------------------------------

    def _perform(self, action: Action, exchange: _Exchange) -> str:
        if action.kind == "reason":
            return self._reason(exchange, exchange.words)
        if action.kind == "execute":
            return self._execute(action, exchange)
        return action.text

    def _execute(self, action: Action, exchange: _Exchange) -> str:
        routing = Routing.of(self.contract, exchange.decision or {})
        started = time.perf_counter()
        result = cloud_sandbox.execute(routing.journey, routing.intent, exchange.words)
        exchange.stages_ms["execute"] = 1000 * (time.perf_counter() - started)
        if not action.composes_with_tier2:
            return cloud_sandbox.lay_out(result, routing.style)
        rows = orjson.dumps(result.rows).decode()
        words = f"{exchange.words}\n\nSample results from {result.connector} (simulated): {rows}\nSum them up."
        return f"{cloud_sandbox.LABEL}: {result.title}\n{self._reason(exchange, words)}"

    def _reason(self, exchange: _Exchange, words: str) -> str:
        started = time.perf_counter()
        session = self.memory.load(2, should_stop=lambda: self._poll() is not None)
        exchange.stages_ms["load_tier2"] = 1000 * (time.perf_counter() - started)
        reasoner = Reasoner(session, template_of(session))
        try:
            reply = self._stream(reasoner, exchange, words)
        except ContextFull as error:
            reply = f"{error.sentence} {error.hint}".strip()
        finally:
            self._tier2_used_at = time.monotonic()
            self.memory.note_use(2)
            exchange.note(reasoner)
            if self.mode == "full_local" and self._wish != "pressure":
                self.memory.unload(2, "released after use")
        self._take_back_memory()
        return reply

    def _stream(self, reasoner: Reasoner, exchange: _Exchange, words: str) -> str:
        """Tell the answer piece by piece; a wish to end it keeps what was said, with a note."""
        recipe = self.recipe
        said: list[str] = []
        for piece in reasoner.stream(
            [self._system("tier2"), Message("user", words)],
            temperature=recipe.reasoner_temperature,
            max_tokens=recipe.reasoner_max_tokens,
            seed=recipe.seed,
        ):
            exchange.note_first_token()
            said.append(piece)
            self._emit(Token(request=exchange.request, tier=2, text=piece))
            self.memory.watchdog.check()
            if (wish := self._poll()) is not None:
                said.append(f"\n{PRESSURE_NOTE if wish == 'pressure' else CANCEL_NOTE}")
                break
        return "".join(said)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _poll(self) -> Interruption | None:
        """Ask for a command that cannot wait; a wish once heard holds until the request is over."""
        self._wish = self._wish or self._interrupted()
        return self._wish

    def _take_back_memory(self) -> None:
        if self._wish == "pressure":
            self.relieve_pressure()
            self._wish = None

    def _system(self, tier: Literal["tier1", "tier2"]) -> Message:
        return Message("system", self.contract.system_prompt(tier))


class _Exchange:
    """One request on its way to a reply, and what it has cost so far."""

    def __init__(self, request: str, query: str, earlier: list[Message]) -> None:
        self.request, self.query = request, query
        self.turns = [*earlier, Message("user", query)]
        self.decision: dict[str, Any] | None = None
        self.valid = False
        self.stages_ms: dict[str, float] = {}
        self._started = time.perf_counter()
        self._first_token_ms: float | None = None
        self._tokens_per_s: float | None = None

    @property
    def words(self) -> str:
        """All that the user said about this request."""
        return "\n".join(turn.content for turn in self.turns if turn.role == "user")

    def note_first_token(self) -> None:
        if self._first_token_ms is None:
            self._first_token_ms = 1000 * (time.perf_counter() - self._started)

    def note(self, reasoner: Reasoner) -> None:
        """Keep what Tier-2's answer cost."""
        self.stages_ms |= {"reason_prefill": reasoner.prefill_ms, "reason_decode": reasoner.decode_ms}
        if reasoner.decode_ms:
            self._tokens_per_s = 1000 * reasoner.tokens / reasoner.decode_ms

    def decided(self, text: str, problems: list[str], action: Action) -> Decided:
        return Decided(
            request=self.request,
            text=text,
            decision=self.decision,
            is_valid=self.valid,
            problems=problems,
            action=action.kind,
            because=action.because,
            stages_ms=self.stages_ms,
        )

    def replied(self, action: str, reply: str, peak: int, loads: int) -> Replied:
        return Replied(
            request=self.request,
            query=self.query,
            decision=self.decision,
            valid=self.valid,
            action=action,
            reply=reply,
            ms=1000 * (time.perf_counter() - self._started),
            peak_mib=peak / 2**20,
            first_token_ms=self._first_token_ms,
            tokens_per_s=self._tokens_per_s,
            loads=loads,
            stages_ms=self.stages_ms,
        )
