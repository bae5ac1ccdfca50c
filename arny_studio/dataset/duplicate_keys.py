"""Whether a JSON text names a key twice in one object: parsers keep the last value and say nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

# A key whose colon stands apart, or a quote or colon spelt as an escape: then counting `":` proves nothing.
_COUNT_IS_BLIND = re.compile(rb'"[ \t\r\n]+:|\\u00(?:22|3[aA])')


class _Repeated(Exception):
    """A key was found a second time."""


def repeats_a_key(raw: bytes, value: Any) -> bool:
    """Whether a JSON text (that orjson parsed to `value`) names a key twice in one object."""
    try:
        return written_without_a_key(raw, orjson.dumps(value))
    except TypeError:  # nested deeper than orjson writes
        return first_repeated_key(raw) is not None


def written_without_a_key(raw: bytes, dumped: bytes) -> bool:
    """Whether a JSON text names a key twice in one object; `dumped` is how orjson writes what it read from it.

    Written anew, the value has every key once. Texts with as many `":` as that have lost none: the pair of bytes stands
    once per key, and equally often inside the texts of both.
    """
    if dumped == raw:
        return False
    if _COUNT_IS_BLIND.search(raw) is None and raw.count(b'":') == dumped.count(b'":'):
        return False
    return first_repeated_key(raw) is not None


def first_repeated_key(raw: bytes | str) -> str | None:
    """The first key that an object names a second time; None where there is none or the text is no JSON."""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                found.append(name)
                raise _Repeated
            names.add(name)

    try:
        json.loads(raw, object_pairs_hook=look)
    except _Repeated:
        return found[0]
    except (ValueError, RecursionError):
        return None
    return None
