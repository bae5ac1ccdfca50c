"""The shared word lists and the line between training and test values.

A value belongs to the test split by a stable hash of its text, so it does so in every list that holds it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Literal

Split = Literal["train", "phrasings", "test", "shapes"]
"""`phrasings` keeps back phrasings, `test` phrasings and values, `shapes` (harder) sentence shapes and values."""

HELD_OUT_VALUES: frozenset[Split] = frozenset(("test", "shapes"))
"""The splits that say values which training never says."""

OPEN_LIST_SIZE = 10
"""A list of at least this many values is open (names, things) and split; a shorter one is a closed vocabulary."""

_RESERVED = 0.2
_MODULUS = 1 << 32


def stable_hash(text: str) -> int:
    """A number below 2**32 that is the same in every process and on every machine."""
    return zlib.crc32(text.encode())


def is_open(values: Iterable[str]) -> bool:
    """Whether a list is open: of names and things of which there are always more."""
    return len(_unique(values)) >= OPEN_LIST_SIZE


class EntitySplit:
    """Which values are kept for the test split, over all lists together."""

    def __init__(self, lists: Iterable[Iterable[str]]) -> None:
        open_lists = [unique for unique in map(_unique, lists) if is_open(unique)]
        self.held_out = {value for values in open_lists for value in values if _reserved(value)}
        for values in open_lists:
            self._top_up(values)

    def values(self, values: Iterable[str], split: Split) -> list[str]:
        """The part of a list that a split may say. Closed vocabularies are whole in both."""
        unique = _unique(values)
        if not is_open(unique):
            return unique
        return [value for value in unique if (value in self.held_out) == (split in HELD_OUT_VALUES)]

    def _top_up(self, values: list[str]) -> None:
        """A short list may get too few values from the hash alone: its next ones in hash order follow."""
        missing = -(-len(values) // 5) - sum(value in self.held_out for value in values)
        rest = sorted((value for value in values if value not in self.held_out), key=stable_hash)
        self.held_out.update(rest[: max(0, missing)])


def title(value: str) -> str:
    """A name with capitals: “new york” is “New York”, “rio de janeiro” is “Rio de Janeiro”."""
    return " ".join(word if word in _SMALL_WORDS else word[:1].upper() + word[1:] for word in value.split(" "))


def title_all(lists: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Every name of the lists with its capitals."""
    return {value: title(value) for values in lists.values() for value in values}


_SMALL_WORDS = frozenset(("de", "of", "the", "and", "la", "at", "in", "on", "for"))


def _reserved(value: str) -> bool:
    return stable_hash(value) < _RESERVED * _MODULUS


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
