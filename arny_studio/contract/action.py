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
WITHOUT_REASONER_REPLY = "Without it I can give short answers, book things and look them up."


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
        return Action(kind="router_error", because=f"The decision is not acted on: {sentence}", text=ROUTER_ERROR_REPLY)
    routing = Routing.of(contract, decoded.decision)
    is_complex = routing.score >= thresholds.complexity
    if routing.confidence < thresholds.confidence:
        return _unsure(routing, thresholds, is_complex=is_complex, can_reason=can_reason)
    if routing.needs_clarification:
        lacks = ", ".join(name.replace("_", " ") for name in routing.missing)
        return Action(kind="clarify", because=f"Still missing: {lacks}.", text=routing.clarification or "")
    if routing.needs_execution:
        return _outside(routing, thresholds, is_composed=is_complex and can_reason)
    if is_complex:
        return _complex(routing, thresholds, can_reason=can_reason)
    because = f"Complexity {routing.score} is below {thresholds.complexity}: Tier-1 answers itself."
    return Action(kind="answer", because=because, text=routing.answer or "")


def _outside(routing: Routing, thresholds: Thresholds, *, is_composed: bool) -> Action:
    kind = (routing.execution or "").replace("_", " ")
    because = f"Nothing is missing, and it needs data or an action from outside the phone ({kind})."
    if is_composed:
        because += f" Complexity {routing.score} reaches {thresholds.complexity}: Tier-2 words the result."
    return Action(kind="execute", because=because, composes_with_tier2=is_composed)


def _unsure(routing: Routing, thresholds: Thresholds, *, is_complex: bool, can_reason: bool) -> Action:
    unsure = f"The router is unsure: confidence {routing.confidence:.2f} is below {thresholds.confidence:.2f}"
    if is_complex and can_reason:
        because = f"{unsure}. Complexity {routing.score} reaches {thresholds.complexity}: Tier-2 takes it."
        return Action(kind="reason", because=because)
    because = f"{unsure}, so it asks instead of guessing."
    return Action(kind="clarify", because=because, text=routing.clarification or UNSURE_QUESTION)


def _complex(routing: Routing, thresholds: Thresholds, *, can_reason: bool) -> Action:
    because = f"Complexity {routing.score} reaches {thresholds.complexity}: a question for Tier-2"
    if can_reason:
        return Action(kind="reason", because=f"{because}.")
    offer = f"What I can say without it: {routing.answer}" if routing.answer else WITHOUT_REASONER_REPLY
    because = f"{because}, which cannot be loaded here."
    return Action(kind="needs_reasoner", because=because, text=f"{NEEDS_REASONER_REPLY} {offer}")
