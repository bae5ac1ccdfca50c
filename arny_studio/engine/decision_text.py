"""A decision's text while it is being written: which fields have begun, and which values are complete.

Works on a prefix of compact JSON in contract order, as every constrained decoder here writes it; values that hold a
quoted key of their own are told apart by the backslash before the quote.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec import Struct


class FieldValue(Struct, frozen=True, kw_only=True):
    """One field as far as it is written. Offsets are bytes: `start` of the key's quote, `stop` after the value."""

    name: str
    text: str
    start: int
    stop: int
    is_closed: bool  # the next field has begun, or the object has ended

    def value(self) -> Any:
        """The value as Python has it. Raises ValueError where the text is no JSON."""
        return json.loads(self.text)


def field_values(raw: bytes, names: Sequence[str]) -> list[FieldValue]:
    """The fields that `raw` has begun, in order; all but the last are closed."""
    keys: list[tuple[int, int]] = []
    at = 0
    for name in names:
        key = json.dumps(name).encode() + b":"
        start = raw.find(key, at)
        if start < 0:
            break
        at = start + len(key)
        keys.append((start, at))
    stops = [start - 1 for start, _ in keys[1:]] + [len(raw)]
    begun = [
        FieldValue(name=name, text=_text(raw[after:stop]), start=start, stop=stop, is_closed=n < len(keys) - 1)
        for n, (name, (start, after), stop) in enumerate(zip(names, keys, stops, strict=False))
    ]
    if len(begun) == len(names) and _is_ended(raw, begun[-1]):
        last = begun[-1]
        begun[-1] = FieldValue(
            name=last.name, text=last.text[:-1], start=last.start, stop=last.stop - 1, is_closed=True
        )
    return begun


def _is_ended(raw: bytes, last: FieldValue) -> bool:
    """Whether the object is closed: a closing brace after a whole value of the last field."""
    if not raw.endswith(b"}"):
        return False
    try:
        json.loads(last.text[:-1])
    except ValueError:
        return False
    return True


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
