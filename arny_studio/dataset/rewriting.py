"""A row's texts and its decision changed inside the row's own bytes: whatever is not meant stays as it was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from arny_studio.contract import Contract
from arny_studio.contract.json_text import with_field
from arny_studio.dataset.turns import with_content
from arny_studio.errors import BadInput

ChangeText = Callable[[str], str]


def contents_of(raw: bytes) -> list[tuple[str, str]]:
    """Role and text of every turn. Raises BadInput where the row is no conversation."""
    try:
        turns = orjson.loads(raw)["messages"]
        found = [(turn["role"], turn["content"]) for turn in turns]
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput("The row has no list of turns.") from error
    if not all(isinstance(role, str) and isinstance(content, str) for role, content in found):
        raise BadInput("The row has a turn without role or text.")
    return found


def decision_of(raw: bytes) -> tuple[int, str, dict[str, Any]] | None:
    """The turn, the text and the fields of a row's decision; None where it has none that can be read.

    Raises BadInput where the row is no conversation.
    """
    turns = contents_of(raw)
    for index in range(len(turns) - 1, -1, -1):
        role, text = turns[index]
        if role == "assistant":
            fields = fields_of(text)
            return None if fields is None else (index, text, fields)
    return None


def fields_of(text: str) -> dict[str, Any] | None:
    """A decision's fields; None where the text is no JSON object."""
    if text.lstrip()[:1] != "{":
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def with_decision_fields(raw: bytes, changes: dict[str, Any], contract: Contract) -> bytes:
    """The row with fields of its decision set, new ones where the contract has them; every other stays as spelt."""
    found = decision_of(raw)
    if found is None or not changes:
        return raw
    index, text, _ = found
    new = text
    for name, value in changes.items():
        new = with_field(new, name, value, contract.fields)
    return raw if new == text else with_content(raw, index, new)


def with_texts(
    raw: bytes, change: ChangeText, contract: Contract, *, roles: frozenset[str] = frozenset(), field: str = ""
) -> bytes:
    """The row with its texts changed: those of the turns with these roles (none given: all), or of one decision field.

    A decision's texts are changed as they read, not as JSON spells them. Raises BadInput where the row is no
    conversation.
    """
    last = decision_of(raw)
    for index, (role, text) in enumerate(contents_of(raw)):
        is_decision = last is not None and index == last[0]
        if (roles and role not in roles) or (field and not is_decision):
            continue
        if is_decision:
            assert last is not None
            raw = with_decision_fields(raw, _changed_fields(last[2], change, field), contract)
        elif (new := change(text)) != text:
            raw = with_content(raw, index, new)
    return raw


def _changed_fields(fields: dict[str, Any], change: ChangeText, only: str) -> dict[str, Any]:
    looked_at = fields if not only else {name: value for name, value in fields.items() if name == only}
    changed = {name: changed_value(value, change) for name, value in looked_at.items()}
    return {name: value for name, value in changed.items() if value != fields[name]}


def changed_value(value: Any, change: ChangeText) -> Any:
    """A JSON value with every text inside it changed, keys left alone."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [changed_value(item, change) for item in value]
    if isinstance(value, dict):
        return {key: changed_value(item, change) for key, item in value.items()}
    return value
