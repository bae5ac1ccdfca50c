"""Decisions of one contract rewritten for another, by the roles their fields play.

What the target has no place for is dropped (a tool's arguments in `router-v1`), and what it asks for beyond the source
is filled with the most neutral value that keeps its rules (an empty object of arguments, the template `{result}`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from arny_studio.contract import Contract, encode
from arny_studio.dataset.reading import parse_row
from arny_studio.dataset.samples import Sample
from arny_studio.dataset.turns import with_content
from arny_studio.errors import BadInput

Decision = dict[str, Any]
RESULT_TEMPLATE = "{result}"  # "the reply is the tool's result"


def converted_decision(decision: Decision, source: Contract, target: Contract) -> Decision:
    """The decision in the target's fields and order; a field that was missing stays missing."""
    made = {
        getattr(target.roles, role): decision[name]
        for role, name in msgspec.structs.asdict(source.roles).items()
        if name in decision
    }
    _fit_execution(made, target)
    _fit_answer(made, target)
    return target.ordered(made)


def converted_row(raw: bytes, source: Contract, target: Contract) -> bytes:
    """The row with its decision and system prompt rewritten, and nothing else changed.

    Raises BadInput where the row has no decision of the source contract.
    """
    sample = parse_row(raw, file="", line=0)
    decision = sample.decision() if isinstance(sample, Sample) else None
    if not isinstance(sample, Sample) or decision is None or not _is_of(decision, source):
        raise BadInput(f"The row has no decision of {source.id}.")
    for turn, message in enumerate(sample.messages):
        if message.role == "system" and message.content == source.system_prompt("tier1"):
            raw = with_content(raw, turn, target.system_prompt("tier1"))
    last = max(turn for turn, message in enumerate(sample.messages) if message.role == "assistant")
    return with_content(raw, last, encode(target, converted_decision(decision, source, target)))


def _is_of(decision: Decision, contract: Contract) -> bool:
    """Whether every field of a decision is one of the contract's, the one that says what is executed among them."""
    return decision.keys() <= set(contract.fields) and contract.roles.needs_execution in decision


def _fit_execution(made: Decision, target: Contract) -> None:
    roles, properties = target.roles, target.schema["properties"]
    executes = bool(made.get(roles.needs_execution))
    if roles.execution in made:
        known = properties[roles.execution].get("enum")
        if not executes:
            made[roles.execution] = None
        elif known is not None and made[roles.execution] not in known:
            made[roles.execution] = "api_call" if "api_call" in known else next(filter(None, known))
    for name in target.fields:
        if name not in msgspec.structs.astuple(roles):
            made[name] = {} if executes else None


def _fit_answer(made: Decision, target: Contract) -> None:
    """An answer beside an execution is a template of its result; where the contract has none, it goes."""
    roles = target.roles
    if roles.answer not in made or not made.get(roles.needs_execution):
        return
    without, templated = dict(made) | {roles.answer: None}, dict(made) | {roles.answer: RESULT_TEMPLATE}
    if target.check(made, strict=False) and not target.check(without, strict=False):
        made[roles.answer] = None
    elif made[roles.answer] is None and target.check(made, strict=False) and not target.check(templated, strict=False):
        made[roles.answer] = RESULT_TEMPLATE
