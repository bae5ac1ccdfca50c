"""What follows for a decision's fields from its other fields and from the contract. Gives changed fields, changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from arny_studio.contract import Contract
from arny_studio.contract.rules import Iff, Implies, Member, Unique, broken_rules

Fields = dict[str, Any]

_NOT_SNAKE = re.compile(r"[^a-z0-9]+")


def known_journeys(fields: Fields, contract: Contract, nearest: Callable[[str, tuple[str, ...]], str | None]) -> Fields:
    """Journeys the contract does not have become the nearest one it has; those like none stay."""
    known, roles = contract.journeys, contract.roles

    def mapped(name: object) -> object:
        return (nearest(name, known) or name) if isinstance(name, str) and name not in known else name

    changes: Fields = {roles.journey: mapped(fields.get(roles.journey))} if roles.journey in fields else {}
    if isinstance(fields.get(roles.journeys), list):
        changes[roles.journeys] = list(dict.fromkeys(mapped(name) for name in fields[roles.journeys]))
    return _really_changed(fields, changes)


def fitting_fields(fields: Fields, contract: Contract) -> Fields:
    """Values of the wrong type or outside their range, as the schema wants them, where nothing is lost by it."""
    schema = contract.schema["properties"]
    changes = {name: _fitted(value, schema[name]) for name, value in fields.items() if name in schema}
    return _really_changed(fields, changes)


def agreeing_fields(fields: Fields, contract: Contract) -> Fields:
    """What to change so that the contract's cross-field rules hold; nothing where a person has to say it."""
    rules, threshold = contract.block.rules, contract.threshold
    current = dict(fields)
    for _ in rules:  # one rule's repair may be another's business
        broken = broken_rules(rules, current, threshold)
        if not broken:
            break
        current |= _repair_of(broken[0], current, contract)
    return _really_changed(fields, current)


def completed_fields(fields: Fields, contract: Contract) -> Fields:
    """Missing fields whose value follows from those that are there."""
    roles, get = contract.roles, fields.get
    asks = (
        bool(get(roles.missing)) or isinstance(get(roles.clarification), str) or get(roles.needs_clarification) is True
    )
    executes = isinstance(get(roles.execution), str) or get(roles.needs_execution) is True
    journey = get(roles.journey)
    follows: Fields = {
        roles.journeys: [journey] if isinstance(journey, str) else None,
        roles.needs_clarification: asks,
        roles.needs_execution: executes,
        roles.style: _first_choice(contract.schema["properties"].get(roles.style, {})),
    }
    if not asks:
        follows |= {roles.missing: [], roles.clarification: None}
    if not executes:
        follows[roles.execution] = None
    score = get(roles.score)
    if asks or executes or (isinstance(score, int | float) and score >= contract.threshold):
        follows[roles.answer] = None
    nullable = {roles.clarification, roles.execution, roles.answer}
    absent = {name: value for name, value in follows.items() if name not in fields and name in contract.fields}
    return {name: value for name, value in absent.items() if value is not None or name in nullable}


def _repair_of(rule: object, fields: Fields, contract: Contract) -> Fields:
    match rule:
        case Member():
            room = contract.schema["properties"][rule.of].get("maxItems", 100)
            return {rule.of: [fields[rule.field], *fields[rule.of]][:room]}
        case Unique():
            return {rule.field: list(dict.fromkeys(fields[rule.field]))}
        case Iff():
            return _agreement_of(rule, fields, contract)
        case Implies():
            doubtful = [
                one.field for one in rule.given if one.state == "not_null" and _may_be_null(one.field, contract)
            ]
            return dict.fromkeys(doubtful)
    return {}


def _agreement_of(rule: Iff, fields: Fields, contract: Contract) -> Fields:
    """The switch follows the fields where these agree; where they do not and it is off, they are emptied."""
    switches = [one for one in rule.all if one.state in ("true", "false")]
    others = [one for one in rule.all if one not in switches]
    held = {one.holds(fields, contract.threshold) for one in others}
    if len(held) == 1 and switches:
        is_held = held.pop()
        return {one.field: (one.state == "true") == is_held for one in switches}
    if any(one.holds(fields, contract.threshold) for one in switches):
        return {}
    return {one.field: [] if one.state == "not_empty" else None for one in others}


def _fitted(value: Any, schema: dict[str, Any]) -> Any:
    """A value made to fit a field's schema, or itself."""
    types = schema.get("type", ())
    types = (types,) if isinstance(types, str) else tuple(types)
    if isinstance(value, str) and ("integer" in types or "number" in types):
        value = _as_number(value)
    if isinstance(value, str) and types == ("boolean",):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower(), value)
    if isinstance(value, float) and "integer" in types and "number" not in types:
        value = round(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if schema.get("maximum") == 1 and 1 < value <= 100:
            return value / 100  # a percentage
        return min(max(value, schema.get("minimum", value)), schema.get("maximum", value))
    if types == ("array",):
        return _as_list(value, schema)
    if isinstance(value, str) and "pattern" in schema and "enum" not in schema:
        return _as_name(value, schema)
    return value


def _as_list(value: Any, schema: dict[str, Any]) -> Any:
    items = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        return value
    return [_fitted(item, schema.get("items", {})) for item in items]


def _as_number(text: str) -> Any:
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _as_name(text: str, schema: dict[str, Any]) -> str:
    """snake_case, where that is what the pattern asks for."""
    if re.search(schema["pattern"], text):
        return text
    name = _NOT_SNAKE.sub("_", text.lower()).strip("_")
    return name if re.search(schema["pattern"], name) else text


def _first_choice(schema: dict[str, Any]) -> Any:
    return schema.get("default", next(iter(schema.get("enum", ())), None))


def _may_be_null(name: str, contract: Contract) -> bool:
    types = contract.schema["properties"][name].get("type", ())
    return "null" in types


def _really_changed(fields: Fields, changes: Fields) -> Fields:
    """The entries that differ from what is there; True is not 1 here."""
    return {
        name: value
        for name, value in changes.items()
        if name not in fields or fields[name] != value or type(fields[name]) is not type(value)
    }
