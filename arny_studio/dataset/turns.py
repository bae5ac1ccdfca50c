"""The turns of a row changed inside the row's own text: other keys, spacing and numbers stay as they were written."""

from __future__ import annotations

import json

from msgspec import Struct

from arny_studio.contract.json_text import field_spans, item_spans, with_field
from arny_studio.errors import BadInput


class _Parts(Struct, frozen=True):
    """A row's text taken apart at its turns."""

    head: str
    items: list[str]
    comma: str
    tail: str

    def joined(self, items: list[str]) -> bytes:
        return (self.head + self.comma.join(items) + self.tail).encode()


def with_content(raw: bytes, turn: int, content: str) -> bytes:
    """The row with another content of a turn. Raises BadInput where the row has no such turn."""
    return _with_turn_field(raw, turn, "content", content)


def with_role(raw: bytes, turn: int, role: str) -> bytes:
    """The row with another role of a turn. Raises BadInput where the row has no such turn."""
    return _with_turn_field(raw, turn, "role", role)


def with_turn_added(raw: bytes, turn: int, role: str, content: str = "") -> bytes:
    """The row with a new turn that becomes number `turn`. Raises BadInput where the row has no list of turns."""
    parts = _parts(raw)
    made = {"role": role, "content": content}
    is_spaced = bool(parts.items) and '": ' in parts.items[0]
    text = json.dumps(made, ensure_ascii=False, separators=(", ", ": ") if is_spaced else (",", ":"))
    return parts.joined([*parts.items[:turn], text, *parts.items[turn:]])


def without_turn(raw: bytes, turn: int) -> bytes:
    """The row without a turn. Raises BadInput where the row has no such turn."""
    parts = _parts(raw, turn)
    return parts.joined([item for number, item in enumerate(parts.items) if number != turn])


def with_turn_moved(raw: bytes, turn: int, place: int) -> bytes:
    """The row with a turn at another place. Raises BadInput where the row has no such turn or place."""
    parts = _parts(raw, max(turn, place))
    items = list(parts.items)
    items.insert(place, items.pop(turn))
    return parts.joined(items)


def with_turn_split(raw: bytes, turn: int, at: int) -> bytes:
    """The row with a turn cut in two at a character; both halves keep the role and lose the space at the cut."""
    parts = _parts(raw, turn)
    item = parts.items[turn]
    content = _turn(item).get("content")
    if not isinstance(content, str):
        raise BadInput(f"Turn {turn + 1} has no text that could be split.")
    halves = content[:at].rstrip(), content[at:].lstrip()
    made = [with_field(item, "content", half) for half in halves]
    return parts.joined([*parts.items[:turn], *made, *parts.items[turn + 1 :]])


def _with_turn_field(raw: bytes, turn: int, name: str, value: str) -> bytes:
    parts = _parts(raw, turn)
    items = list(parts.items)
    items[turn] = with_field(items[turn], name, value, ("role", "content"))
    return parts.joined(items)


def _parts(raw: bytes, turn: int = -1) -> _Parts:
    """The row's text taken apart; `turn` must be one of its turns."""
    try:
        text = raw.decode("utf-8")
        span = next(span for span in reversed(field_spans(text)) if span.name == "messages")
        items, end = item_spans(text, span.value_start)
    except (ValueError, StopIteration, RecursionError) as error:
        raise BadInput("The row has no list of turns that could be edited; edit its text instead.") from error
    if turn >= len(items):
        raise BadInput(f"The row has {len(items)} turns; there is no turn {turn + 1}.")
    inner = (items[0][0], items[-1][1]) if items else (end - 1, end - 1)
    comma = text[items[0][1] : items[1][0]] if len(items) > 1 else "," if '": ' not in text else ", "
    return _Parts(text[: inner[0]], [text[start:stop] for start, stop in items], comma, text[inner[1] :])


def _turn(item: str) -> dict[str, object]:
    value = json.loads(item)
    return value if isinstance(value, dict) else {}
