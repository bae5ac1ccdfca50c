"""Complaints about names and values that somebody typed, in words for people: what is wrong, and what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A hint that names the nearest of the `known` names; `otherwise` where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else otherwise


def unknown_field_hint(message: str, fields: Iterable[str]) -> str:
    """The hint for msgspec's complaint about an unknown field: the nearest of `fields`, or all of them.

    Empty where the message complains of something else.
    """
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown is None:
        return ""
    known = list(fields)
    return did_you_mean(unknown[1], known, otherwise=f"Known: {', '.join(known)}.")


def in_plain_words(complaint: str) -> str:
    """msgspec's complaint about a value or a field as a sentence without its full stop; others stay as they are.

    ``Expected `int` >= 1 - at `$.lora_r` `` becomes `lora_r: expected a whole number of at least 1`.
    """
    what, _, place = complaint.partition(" - at `$")
    field = place.rstrip("`").lstrip(".")
    for pattern, words in _COMPLAINTS:
        what = pattern.sub(words, what)
    return f"{field}: {what[0].lower()}{what[1:]}" if field else what


_COMPLAINTS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"Object contains unknown field `([^`]+)`", r"There is no field \1"),
        (r"Object missing required field `([^`]+)`", r"The field \1 is missing"),
        (r"Invalid enum value ('[^']*')", r"\1 is none of the values it may have"),
        (r"Invalid value ('[^']*')", r"\1 is not what belongs here"),
        (r"`int`", "a whole number"), (r"`float`", "a number"), (r"`str`", "a text"), (r"`bool`", "true or false"),
        (r"`array`", "a list"), (r"`object`", "a table"), (r"`null`", "nothing"),
        (r" >= (\S+)", r" of at least \1"), (r" <= (\S+)", r" of at most \1"),
        (r" > (\S+)", r" above \1"), (r" < (\S+)", r" below \1"),
    )
)  # fmt: skip
