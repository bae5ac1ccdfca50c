"""What the turns of a conversation say of it: their roles, whatever the words, and their words, whatever the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import xxhash

from arny_studio.dataset import encoding
from arny_studio.dataset.problems import mask_of
from arny_studio.dataset.row_problems import is_in_order
from arny_studio.dataset.samples import ROLES

SHAPE = mask_of("shape")
SEPARATOR = "\x1e"  # between the texts of a conversation where they are hashed as one
LOOKS_WELL = (str.isascii, str.isprintable, str.strip)  # of a text that is surely right, all of them are true
_ORDER, _EMPTY = mask_of("order"), mask_of("empty-turn")
_MOJIBAKE, _CONTROL = mask_of("mojibake"), mask_of("control")
_MOST_REMEMBERED = 1 << 14


class Course(NamedTuple):
    """What a sequence of roles says of its conversation."""

    problems: int
    seed: int  # of the hash over the texts, so that roles count in it
    asked: slice  # the turns before the answer but the system's
    answer: int  # place of the last assistant turn, -1 where there is none
    has_system: bool


class Courses(dict[tuple[str, ...], Course]):
    """The course that each sequence of roles stands for, remembered."""

    def __missing__(self, roles: tuple[str, ...]) -> Course:
        if len(self) > _MOST_REMEMBERED:
            self.clear()
        course = self[roles] = _course(roles)
        return course


def _course(roles: tuple[str, ...]) -> Course:
    is_known = bool(roles) and all(role in ROLES for role in roles)
    if not is_known:
        return Course(SHAPE, 0, slice(0), -1, False)
    answer = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else -1
    end = len(roles) - 1 if roles[-1] == "assistant" else len(roles)
    has_system = roles[0] == "system"
    seed = xxhash.xxh3_64_intdigest(SEPARATOR.join(roles).encode())
    return Course(0 if is_in_order(roles) else _ORDER, seed, slice(int(has_system), end), answer, has_system)


def text_bits(roles: Sequence[str], contents: Sequence[str], decision: int) -> int:
    """Bits for what the turns' texts say of themselves; the turn `decision` has been looked at already."""
    bits = 0
    for place, content in enumerate(contents):
        if place != decision and is_odd(content):
            if roles[place] != "system" and (not content or content.isspace()):
                bits |= _EMPTY
            bits |= encoding_bits(content)
    return bits


def is_odd(content: str) -> bool:
    """False where a turn surely says something, in characters that are surely right."""
    return not all(looks_well(content) for looks_well in LOOKS_WELL)


def encoding_bits(text: str) -> int:
    """The bits for garbled text and for control characters."""
    control = _CONTROL if encoding.has_control_characters(text) else 0
    return control | (_MOJIBAKE if encoding.has_mojibake(text) else 0)


def query_hash(asked: Sequence[str]) -> int:
    """Of everything that is asked, case and spacing aside; 0 for nothing."""
    if not asked:
        return 0
    text = asked[0] if len(asked) == 1 else " ".join(asked)
    return xxhash.xxh3_64_intdigest(" ".join(text.split()).casefold().encode())
