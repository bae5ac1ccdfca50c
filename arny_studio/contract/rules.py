"""Cross-field rules: what JSON Schema cannot say about a decision, declared in the contract's `x-arny.rules`.

A rule speaks only where every field it names is present; a missing field is the schema's business.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

State = Literal["true", "false", "null", "not_null", "not_empty", "below_threshold"]


class Condition(Struct, frozen=True, forbid_unknown_fields=True):
    """A statement about one field of a decision."""

    field: str
    state: State = msgspec.field(name="is")

    def holds(self, decision: dict[str, Any], threshold: int) -> bool:
        value = decision[self.field]
        match self.state:
            case "true":
                return value is True
            case "false":
                return value is False
            case "null":
                return value is None
            case "not_null":
                return value is not None
            case "not_empty":
                return bool(value)
            case "below_threshold":
                return isinstance(value, int | float) and value < threshold


class Member(Struct, frozen=True, tag_field="kind", tag="member", forbid_unknown_fields=True):
    """The value of `field` is one of the items of the list in `of`."""

    id: str
    field: str
    of: str
    sentence: str

    def fields(self) -> tuple[str, ...]:
        return (self.field, self.of)

    def is_broken(self, decision: dict[str, Any], threshold: int) -> bool:
        items = decision[self.of]
        return isinstance(items, list) and decision[self.field] not in items


class Unique(Struct, frozen=True, tag_field="kind", tag="unique", forbid_unknown_fields=True):
    """The list in `field` names nothing twice."""

    id: str
    field: str
    sentence: str

    def fields(self) -> tuple[str, ...]:
        return (self.field,)

    def is_broken(self, decision: dict[str, Any], threshold: int) -> bool:
        items = decision[self.field]
        return isinstance(items, list) and any(item in items[:n] for n, item in enumerate(items))


class Iff(Struct, frozen=True, tag_field="kind", tag="iff", forbid_unknown_fields=True):
    """All conditions hold, or none does."""

    id: str
    all: tuple[Condition, ...]
    sentence: str

    def fields(self) -> tuple[str, ...]:
        return tuple(condition.field for condition in self.all)

    def is_broken(self, decision: dict[str, Any], threshold: int) -> bool:
        return len({condition.holds(decision, threshold) for condition in self.all}) > 1


class Implies(Struct, frozen=True, tag_field="kind", tag="implies", forbid_unknown_fields=True, rename={"given": "if"}):
    """Where all of `if` hold, all of `then` hold."""

    id: str
    given: tuple[Condition, ...]
    then: tuple[Condition, ...]
    sentence: str

    def fields(self) -> tuple[str, ...]:
        return tuple(condition.field for condition in self.given + self.then)

    def is_broken(self, decision: dict[str, Any], threshold: int) -> bool:
        given = all(condition.holds(decision, threshold) for condition in self.given)
        return given and not all(condition.holds(decision, threshold) for condition in self.then)


Rule = Member | Unique | Iff | Implies


def broken_rules(rules: tuple[Rule, ...], decision: dict[str, Any], threshold: int) -> list[Rule]:
    """The rules that speak about this decision and do not hold, in the contract's order."""
    present = decision.keys()
    return [rule for rule in rules if present >= set(rule.fields()) and rule.is_broken(decision, threshold)]
