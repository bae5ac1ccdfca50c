"""Judging many rows at once: what a wish makes of their reviews, and which rows it changes. Touches no byte of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Protocol

import msgspec
import numpy as np
from msgspec import Meta, Struct

from arny_studio.dataset.review import Review, ReviewBook
from arny_studio.dataset.row_hash import row_hash

_PERIOD_ROWS = 1000


class Judging(Struct, frozen=True, kw_only=True):
    """A status, tags to put on and to take off, a note: what is empty stays as it is."""

    status: Annotated[
        Literal["", "accepted", "rejected", "flagged", "none"],
        Meta(description="The decision on the rows; `none` clears it, empty leaves it."),
    ] = ""
    tags: Annotated[tuple[str, ...], Meta(description="Tags to put on.")] = ()
    untagged: Annotated[tuple[str, ...], Meta(description="Tags to take off.")] = ()
    note: Annotated[str, Meta(description="A note that replaces the one there is.")] = ""

    @property
    def title(self) -> str:
        """What the undo step is called."""
        status = {"": "", "none": "clear the decision"}.get(self.status, f"mark as {self.status}")
        parts = [status, _listed("tag as", self.tags), _listed("take off", self.untagged), "note" * bool(self.note)]
        said = ", ".join(part for part in parts if part) or "judge nothing"
        return said[0].upper() + said[1:]

    @property
    def is_empty(self) -> bool:
        """Whether it wants nothing."""
        return self == Judging()

    def of(self, review: Review) -> Review:
        """A review as it is after the judging."""
        for tag in self.tags:
            review = review.tagged(tag)
        for tag in self.untagged:
            review = review.untagged(tag) if tag in review.tags else review
        if self.status:
            review = msgspec.structs.replace(review, status="" if self.status == "none" else self.status)
        return msgspec.structs.replace(review, note=self.note) if self.note else review


class JudgedRows(Struct, frozen=True, eq=False):
    """The rows that a judging changes, with the hashes of their contents and their reviews before and after."""

    keys: np.ndarray  # int64
    hashes: np.ndarray  # uint64
    before: tuple[Review, ...]
    after: tuple[Review, ...]

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.keys)

    def subset(self, wanted: np.ndarray) -> JudgedRows:
        """Those where `wanted`, (rows,) bool, is true."""
        chosen = np.flatnonzero(wanted).tolist()
        before, after = (tuple(all[place] for place in chosen) for all in (self.before, self.after))
        return JudgedRows(self.keys[chosen], self.hashes[chosen], before, after)


class JudgedDocument(Protocol):
    """Rows by key, and the book of their reviews."""

    review: ReviewBook

    def raw_of(self, key: int) -> bytes: ...


class JudgingCancelled(Exception):
    """Nobody wants the answer any more."""


def judged_rows(
    document: JudgedDocument, keys: np.ndarray, judging: Judging, *, is_void: Callable[[], bool] | None = None
) -> JudgedRows:
    """Which of the rows `keys` (int64) a judging changes, and how. Raises JudgingCancelled where `is_void` turned true."""
    found: list[tuple[int, int, Review, Review]] = []
    for done, key in enumerate(keys.tolist()):
        if is_void is not None and done % _PERIOD_ROWS == 0 and is_void():
            raise JudgingCancelled
        content = row_hash(document.raw_of(key))
        before = document.review.get(content)
        after = judging.of(before)
        if after != before:
            found.append((key, content, before, after))
    changed, hashes, before, after = zip(*found, strict=True) if found else ((), (), (), ())
    return JudgedRows(np.array(changed, np.int64), np.array(hashes, np.uint64), tuple(before), tuple(after))


def review_in_words(review: Review) -> str:
    """Status, tags and note in lines, for a preview."""
    lines = [f"decision: {review.status or 'none'}", f"tags: {', '.join(review.tags) or 'none'}"]
    return "\n".join([*lines, f"note: {review.note}"] if review.note else lines)


def _listed(verb: str, tags: tuple[str, ...]) -> str:
    return f"{verb} {', '.join(tags)}" if tags else ""
