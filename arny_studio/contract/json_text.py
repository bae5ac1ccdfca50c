"""Single fields of a JSON object changed inside its text, so that every other character stays as it was written.

A form that re-encoded the whole object would change spacing, order and the spelling of numbers nobody touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


class FieldSpan(Struct, frozen=True):
    """Where a field stands in the text of an object: from its key's quote to the end of its value, in characters."""

    name: str
    start: int
    key_end: int
    value_start: int
    end: int


def field_spans(text: str) -> list[FieldSpan]:
    """The fields of an object in the order of the text; a key that occurs twice is there twice.

    Raises ValueError where the text is no JSON object.
    """
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("it is no JSON object")
    at = _after_space(text, at + 1)
    spans: list[FieldSpan] = []
    if text[at : at + 1] == "}":
        return _ended(text, at + 1, spans)
    while True:
        span = _field_at(text, at)
        spans.append(span)
        at = _after_space(text, span.end)
        if text[at : at + 1] == "}":
            return _ended(text, at + 1, spans)
        at = _after_space(text, _expect(text, at, ","))


def item_spans(text: str, start: int = 0) -> tuple[list[tuple[int, int]], int]:
    """Start and end of each item of the array that begins at `start`, in characters, and where the array ends.

    Raises ValueError where no array begins there.
    """
    at = _after_space(text, _expect(text, _after_space(text, start), "["))
    spans: list[tuple[int, int]] = []
    if text[at : at + 1] == "]":
        return spans, at + 1
    while True:
        _, end = _DECODER.raw_decode(text, at)
        spans.append((at, end))
        at = _after_space(text, end)
        if text[at : at + 1] == "]":
            return spans, at + 1
        at = _after_space(text, _expect(text, at, ","))


def with_field(text: str, name: str, value: Any, order: Sequence[str] = ()) -> str:
    """The object's text with a field set. A field that is not there yet is put where `order` says, else last.

    Where a key occurs twice the last one is set, since that is the one that counts. Raises ValueError where the text
    is no JSON object.
    """
    spans = field_spans(text)
    for span in reversed(spans):
        if span.name == name:
            return text[: span.value_start] + _dumped(value, text, spans) + text[span.end :]
    return _inserted(text, spans, name, value, order)


def without_field(text: str, name: str) -> str:
    """The object's text without a field, every occurrence of it, and without its comma. ValueError: no JSON object."""
    while True:
        spans = field_spans(text)
        found = next((number for number, span in enumerate(spans) if span.name == name), None)
        if found is None:
            return text
        first, last = found == 0, found == len(spans) - 1
        start = spans[found].start if first or not last else spans[found - 1].end
        end = spans[found].end if last else spans[found + 1].start
        text = text[:start] + text[end:]


def renamed_field(text: str, name: str, new_name: str) -> str:
    """The object's text with a field's key changed and its place and value kept. ValueError: no JSON object."""
    for span in reversed(field_spans(text)):
        if span.name == name:
            text = text[: span.start] + json.dumps(new_name, ensure_ascii=False) + text[span.key_end :]
    return text


def _inserted(text: str, spans: list[FieldSpan], name: str, value: Any, order: Sequence[str]) -> str:
    comma, colon = _separators(text, spans)
    entry = json.dumps(name, ensure_ascii=False) + colon + _dumped(value, text, spans)
    before = _before(spans, name, order)
    if before >= 0:
        at = spans[before].end
        return text[:at] + comma + entry + text[at:]
    if spans:
        at = spans[0].start
        return text[:at] + entry + comma + text[at:]
    at = text.index("{") + 1
    return text[:at] + entry + text[at:]


def _before(spans: list[FieldSpan], name: str, order: Sequence[str]) -> int:
    """The number of the field after which `name` belongs; -1: in front of all."""
    if name not in order:
        return len(spans) - 1
    earlier = set(order[: order.index(name)])
    return max((number for number, span in enumerate(spans) if span.name in earlier), default=-1)


def _separators(text: str, spans: list[FieldSpan]) -> tuple[str, str]:
    """What stands between two fields and between key and value in this text."""
    colon = text[spans[0].key_end : spans[0].value_start] if spans else ":"
    comma = text[spans[0].end : spans[1].start] if len(spans) > 1 else ", " if colon.endswith(" ") else ","
    return comma, colon


def _dumped(value: Any, text: str, spans: list[FieldSpan]) -> str:
    is_spaced = bool(spans) and text[spans[0].key_end : spans[0].value_start].endswith(" ")
    separators = (", ", ": ") if is_spaced else (",", ":")
    is_escaped = text.isascii() and "\\u" in text
    return json.dumps(value, ensure_ascii=is_escaped, separators=separators)


def _field_at(text: str, at: int) -> FieldSpan:
    if text[at : at + 1] != '"':
        raise ValueError(f"a key was expected at character {at + 1}")
    name, key_end = _DECODER.raw_decode(text, at)
    value_start = _after_space(text, _expect(text, _after_space(text, key_end), ":"))
    _, end = _DECODER.raw_decode(text, value_start)
    return FieldSpan(name, at, key_end, value_start, end)


def _expect(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise ValueError(f"{sign!r} was expected at character {at + 1}")
    return at + 1


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None  # it matches nothing, too
    return match.end()


def _ended(text: str, at: int, spans: list[FieldSpan]) -> list[FieldSpan]:
    if text[at:].strip():
        raise ValueError(f"something follows the object at character {at + 1}")
    return spans
