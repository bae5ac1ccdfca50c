"""Decision → action: the one place that says what the phone does next, and why."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from arny_studio.contract.decision import Decoded, Routing
from arny_studio.contract.schema import Contract

ActionKind = Literal["answer", "clarify", "execute", "reason", "needs_reasoner", "router_error"]

ROUTER_ERROR_REPLY = "I could not read my own routing decision. Could you put that differently?"
UNSURE_QUESTION = "I am not sure what you need. Could you say it in other words?"
NEEDS_REASONER_REPLY = "This needs the larger reasoning model, which this phone cannot load."


class Thresholds(Struct, frozen=True, kw_only=True):
    """The two limits that routing turns on."""

    complexity: Annotated[int, Meta(ge=0, le=101, description="Scores from here on go to Tier-2 (inclusive).")] = 60
    confidence: Annotated[float, Meta(ge=0, le=1, description="Below this the router does not act on its guess.")] = 0.5

    @classmethod
    def of(cls, contract: Contract) -> Thresholds:
        return cls(complexity=contract.threshold, confidence=contract.confidence_floor)


class Action(Struct, frozen=True, kw_only=True):
    """What happens next. `text` is what is said at once; Tier-2 and execution bring their own."""

    kind: ActionKind
    because: str
    text: str = ""
    composes_with_tier2: bool = False  # execution only: Tier-2 words the result


def decide(contract: Contract, decoded: Decoded, *, thresholds: Thresholds, can_reason: bool) -> Action:
    """The action that follows from a decision (design §4, in its order).

    `can_reason` says whether Tier-2 is loaded or may be loaded now; a Lite phone says False.
    """
    if not decoded.is_valid or decoded.decision is None:
        sentence = decoded.problems[0].sentence if decoded.problems else "no decision"
        return Action(kind="router_error", because=f"The decision is invalid: {sentence}", text=ROUTER_ERROR_REPLY)
    routing = Routing.of(contract, decoded.decision)
    is_complex = routing.score >= thresholds.complexity
    if routing.confidence < thresholds.confidence:
        return _unsure(routing, thresholds, is_complex=is_complex, can_reason=can_reason)
    if routing.needs_clarification:
        lacks = ", ".join(routing.missing)
        return Action(kind="clarify", because=f"The request lacks {lacks}.", text=routing.clarification or "")
    if routing.needs_execution:
        because = f"It needs {routing.execution}."
        return Action(kind="execute", because=because, composes_with_tier2=is_complex and can_reason)
    if is_complex:
        return _complex(routing, thresholds, can_reason=can_reason)
    because = f"Score {routing.score} is below {thresholds.complexity}."
    return Action(kind="answer", because=because, text=routing.answer or "")


def _unsure(routing: Routing, thresholds: Thresholds, *, is_complex: bool, can_reason: bool) -> Action:
    unsure = f"Confidence {routing.confidence:g} is below {thresholds.confidence:g}"
    if is_complex and can_reason:
        because = f"{unsure} and score {routing.score} is at or above {thresholds.complexity}."
        return Action(kind="reason", because=because)
    return Action(kind="clarify", because=f"{unsure}.", text=routing.clarification or UNSURE_QUESTION)


def _complex(routing: Routing, thresholds: Thresholds, *, can_reason: bool) -> Action:
    because = f"Score {routing.score} is at or above {thresholds.complexity}."
    if can_reason:
        return Action(kind="reason", because=because)
    text = " ".join(part for part in (NEEDS_REASONER_REPLY, routing.answer) if part)
    return Action(kind="needs_reasoner", because=f"{because} Tier-2 cannot be loaded here.", text=text)
