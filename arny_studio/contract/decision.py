"""Text → decision → the parts that routing looks at, and back to compact JSON in contract order."""

from __future__ import annotations

import json
from typing import Any

import orjson
from msgspec import Struct

from arny_studio.contract.schema import Contract, Problem


class Routing(Struct, frozen=True, kw_only=True):
    """The parts of a decision that decide, whatever its contract calls them."""

    intent: str
    journey: str
    journeys: tuple[str, ...]
    answer: str | None
    missing: tuple[str, ...]
    needs_clarification: bool
    clarification: str | None
    needs_execution: bool
    execution: str | None
    score: int  # 0–100
    confidence: float  # 0–1
    style: str

    @classmethod
    def of(cls, contract: Contract, decision: dict[str, Any]) -> Routing:
        """Read a decision that passed `contract.check`; raises KeyError where a field is missing."""
        roles = contract.roles
        parts = {role: decision[getattr(roles, role)] for role in roles.__struct_fields__}
        parts["journeys"] = tuple(parts["journeys"])
        parts["missing"] = tuple(parts["missing"])
        return cls(**parts)


class Decoded(Struct, frozen=True, kw_only=True):
    """What a model's text turned out to be. `decision` is None where the text is no JSON object."""

    text: str
    decision: dict[str, Any] | None
    problems: tuple[Problem, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether the decision may be acted on: JSON, schema and every cross-field rule hold."""
        return self.decision is not None and not any(problem.severity == "error" for problem in self.problems)


def decode(contract: Contract, text: str, *, threshold: int | None = None) -> Decoded:
    """Read a model's output strictly: one JSON object, no duplicate keys, no NaN, every field and rule checked."""
    try:
        value = json.loads(text, object_pairs_hook=_object_without_duplicates, parse_constant=_refuse_constant)
        orjson.dumps(
            value
        )  # what cannot be written again (half a surrogate pair, 70 digits) cannot be passed on either
    except (ValueError, TypeError, RecursionError) as error:
        problem = Problem(path="$", sentence=f"This is not JSON: {error}.", rule="syntax")
        return Decoded(text=text, decision=None, problems=(problem,))
    problems = tuple(contract.check(value, threshold=threshold))
    return Decoded(text=text, decision=value if isinstance(value, dict) else None, problems=problems)


def encode(contract: Contract, decision: dict[str, Any]) -> str:
    """Compact JSON in contract order: the text that is trained and decoded."""
    return orjson.dumps(contract.ordered(decision)).decode()


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} occurs twice")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
