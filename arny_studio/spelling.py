"""Which of the known names somebody probably meant, said as a hint."""

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
