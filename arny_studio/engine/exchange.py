"""One request on its way to a reply: what was said, what was decided, and what it has cost so far."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arny_studio.contract import Action, Decoded, Thresholds
from arny_studio.device import DeviceProfile
from arny_studio.device.benchmark import speed_of
from arny_studio.device.ledger import Tier
from arny_studio.engine.chat_template import Message
from arny_studio.engine.gguf_shape import model_shape
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.reasoner import Reasoner
from arny_studio.engine.router_decoding import DecodedRoute, FieldTrace
from arny_studio.jobs.events import Decided, FieldCost, Replied, Turn
from arny_studio.recipe import AskSettings


class Exchange:
    """Fills up while the phone works; `decided` and `replied` say it as events."""

    def __init__(self, request: str, query: str, earlier: Sequence[Turn], settings: AskSettings) -> None:
        self.request, self.query, self.settings = request, query, settings
        self.turns = [*(Message(turn.role, turn.content) for turn in earlier), Message("user", query)]
        self.decoded: Decoded | None = None
        self.route: DecodedRoute | None = None
        self.stages_ms: dict[str, float] = {}
        self.tokens: dict[str, int] = {}
        self.asks_back = False
        self.may_begin_anew = False
        self.began_anew = False
        self._expected_ms: float | None = None
        self._started = time.perf_counter()
        self._first_token_ms: float | None = None
        self._tokens_per_s: float | None = None

    @property
    def decision(self) -> dict[str, Any] | None:
        """The decision, once there is one, whether it may be acted on or not."""
        return self.decoded.decision if self.decoded is not None else None

    @property
    def words(self) -> str:
        """All that the user said about this request."""
        return "\n".join(turn.content for turn in self.turns if turn.role == "user")

    def begin_anew(self) -> None:
        """Leave what was open: the newest words count alone."""
        del self.turns[:-1]
        self.began_anew = True

    def note_route(self, route: DecodedRoute, read: int) -> None:
        """Keep what the router decided and what it cost; `read` tokens of the prompt were not known before."""
        self.route, self.decoded = route, route.decoded
        self.stages_ms |= route.stages_ms
        self.tokens |= {"router_read": read, "router_written": route.tokens_total}

    def note_first_token(self) -> None:
        """The first word of the reply is there."""
        if self._first_token_ms is None:
            self._first_token_ms = 1000 * (time.perf_counter() - self._started)

    def note_answer(self, reasoner: Reasoner) -> None:
        """Keep what Tier-2's answer cost."""
        self.stages_ms |= {"reason_prefill": reasoner.prefill_ms, "reason_decode": reasoner.decode_ms}
        self.tokens |= {"reasoner_read": reasoner.prompt_tokens, "reasoner_written": reasoner.tokens}
        if reasoner.decode_ms:
            self._tokens_per_s = 1000 * reasoner.tokens / reasoner.decode_ms

    def note_expected(self, profile: DeviceProfile, tier: Tier, session: LlamaSession) -> None:
        """Add what a tier's counted tokens would take on the profile's real phone, where its benchmark says so."""
        speed = speed_of(profile.speeds, Path(session.path).name, model_shape(session.info).quant, tier)
        if speed is not None:
            who = "router" if tier == 1 else "reasoner"
            read, written = self.tokens.get(f"{who}_read", 0), self.tokens.get(f"{who}_written", 0)
            self._expected_ms = (self._expected_ms or 0.0) + speed.expected_ms(read=read, written=written)

    def decided(self, action: Action, thresholds: Thresholds, problems: Sequence[str]) -> Decided:
        """The decision as an event."""
        route, decoded = self.route, self.decoded
        costs = [] if route is None else [_cost_of(field) for field in route.fields]
        return Decided(
            request=self.request,
            text=decoded.text if decoded is not None else "",
            decision=self.decision,
            is_valid=decoded is not None and decoded.is_valid,
            problems=list(problems),
            action=action.kind,
            because=action.because,
            stages_ms=dict(self.stages_ms),
            tokens=route.tokens_total if route is not None else 0,
            forced=route.tokens_forced if route is not None else 0,
            fields=costs,
            known_ms=route.known_ms if route is not None else None,
            threshold=thresholds.complexity,
            confidence_floor=thresholds.confidence,
            began_anew=self.began_anew,
        )

    def replied(self, action: str, reply: str, peak: int, loads: int) -> Replied:
        """The end of the request as an event; `peak` in bytes."""
        open_turns = [Turn(role=turn.role, content=turn.content) for turn in self.turns]  # pyright: ignore[reportArgumentType]
        if self.decoded is not None:
            open_turns.append(Turn(role="assistant", content=self.decoded.text))
        return Replied(
            request=self.request,
            query=self.query,
            decision=self.decision,
            valid=self.decoded is not None and self.decoded.is_valid,
            action=action,
            reply=reply,
            ms=1000 * (time.perf_counter() - self._started),
            peak_mib=peak / 2**20,
            first_token_ms=self._first_token_ms,
            tokens_per_s=self._tokens_per_s,
            loads=loads,
            stages_ms=self.stages_ms,
            tokens=self.tokens,
            expected_ms=self._expected_ms,
            open_turns=open_turns if self.asks_back else [],
        )


def _cost_of(field: FieldTrace) -> FieldCost:
    return FieldCost(name=field.name, forced=field.forced, drafted=field.drafted, chosen=field.chosen, ms=field.ms)
