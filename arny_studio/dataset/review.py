"""How rows were judged: status, tags, notes and where they come from, kept beside the dataset and never in it.

A review belongs to a row's content (its `row_hash`): it survives reordering, finds equal rows in other copies, and
follows a row that is edited. The file is a log of lines, the last word counts; a torn last line is passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct

from arny_studio.atomic import replaced_file
from arny_studio.dataset.synced_log import SyncedLog

Status = Literal["", "accepted", "rejected", "flagged"]
STATUSES: tuple[Status, ...] = ("", "accepted", "rejected", "flagged")
_MOST_HASHES_PER_LINE = 10_000


class Review(Struct, frozen=True, omit_defaults=True):
    """What people said about a row. The empty review is that of a row nobody has looked at."""

    status: Status = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    provenance: dict[str, str] = {}

    def tagged(self, tag: str) -> Review:
        """The same with one more tag."""
        return self if tag in self.tags else msgspec.structs.replace(self, tags=(*self.tags, tag))

    def untagged(self, tag: str) -> Review:
        """The same without a tag."""
        return msgspec.structs.replace(self, tags=tuple(name for name in self.tags if name != tag))


NO_REVIEW = Review()


class _Line(Struct, frozen=True):
    hashes: tuple[str, ...]  # xxh3-64 in hexadecimal
    review: Review


class ReviewBook:
    """The reviews of one dataset, by row hash."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._is_read_only = read_only
        self._reviews: dict[int, Review] = {}
        self._log = SyncedLog(path)
        self._lines = self._read()

    @property
    def problem(self) -> str | None:
        """Why reviews are not being written, if they are not."""
        return self._log.problem

    @property
    def reviewed(self) -> np.ndarray:
        """Hashes of all rows that have a review, uint64, in no order."""
        return np.fromiter(self._reviews, dtype=np.uint64, count=len(self._reviews))

    def get(self, row_hash: int) -> Review:
        """The review of a row; the empty one where there is none."""
        return self._reviews.get(row_hash, NO_REVIEW)

    def put(self, hashes: Iterable[int], reviews: Iterable[Review]) -> None:
        """Say what rows are judged to be; rows with equal reviews are written together."""
        by_review: dict[bytes, tuple[Review, list[int]]] = {}
        for row_hash, review in zip(hashes, reviews, strict=True):
            entry = by_review.setdefault(msgspec.json.encode(review), (review, []))
            entry[1].append(int(row_hash))
            self._remember(int(row_hash), entry[0])
        for review, members in by_review.values():
            self._write(review, members)

    def follow(self, old: Iterable[int], new: Iterable[int], *, moves: bool = False) -> None:
        """Rows have been edited: those that had a review keep it under their new hash.

        The old hash keeps it too, for undo; unless it `moves`, as while somebody types.
        """
        if not self._reviews:
            return
        pairs = [(int(a), int(b)) for a, b in zip(old, new, strict=True) if int(a) in self._reviews and a != b]
        fresh = [(a, b) for a, b in pairs if b not in self._reviews]
        self.put([b for _, b in fresh], [self._reviews[a] for a, _ in fresh])
        if moves:
            self.put([a for a, _ in pairs], [NO_REVIEW] * len(pairs))

    def columns(self, hashes: np.ndarray) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        """For rows with these hashes: the status as an index into STATUSES (uint8), and the tags."""
        reviews = [self._reviews.get(row_hash, NO_REVIEW) for row_hash in hashes.tolist()]
        codes = np.fromiter((STATUSES.index(review.status) for review in reviews), dtype=np.uint8, count=len(reviews))
        return codes, [review.tags for review in reviews]

    def all_tags(self) -> Counter[str]:
        """Every tag in use, with the number of row contents that have it."""
        return Counter(tag for review in self._reviews.values() for tag in review.tags)

    def flush(self) -> None:
        """Return when every review is on the disk."""
        self._log.flush()

    def close(self) -> None:
        """Flush; rewrite the file where most of its lines have been overruled."""
        self._log.close()
        if not self._is_read_only and self._lines > 2 * len(self._reviews) + 100:
            self._rewrite()

    def _remember(self, row_hash: int, review: Review) -> None:
        if review == NO_REVIEW:
            self._reviews.pop(row_hash, None)
        else:
            self._reviews[row_hash] = review

    def _write(self, review: Review, hashes: list[int]) -> None:
        if self._is_read_only:
            return
        for start in range(0, len(hashes), _MOST_HASHES_PER_LINE):
            part = hashes[start : start + _MOST_HASHES_PER_LINE]
            self._log.append(_encoded(review, part))
            self._lines += len(part)

    def _read(self) -> int:
        """Fill the book from its file; returns how often a row was judged in it."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return 0
        count = 0
        for text in data.split(b"\n"):
            try:
                line = msgspec.json.decode(text, type=_Line)
                hashes = [int(name, 16) for name in line.hashes]
            except (msgspec.MsgspecError, ValueError):
                continue  # torn by a crash or a full disk; what follows is whole again
            count += len(hashes)
            for row_hash in hashes:
                self._remember(row_hash, line.review)
        if data and not data.endswith(b"\n") and not self._is_read_only:
            self._log.append(b"\n")
        return count

    def _rewrite(self) -> None:
        by_review: dict[bytes, tuple[Review, list[int]]] = {}
        for row_hash, review in self._reviews.items():
            by_review.setdefault(msgspec.json.encode(review), (review, []))[1].append(row_hash)
        with replaced_file(self._path) as file:
            for review, hashes in by_review.values():
                for start in range(0, len(hashes), _MOST_HASHES_PER_LINE):
                    file.write(_encoded(review, hashes[start : start + _MOST_HASHES_PER_LINE]))


def _encoded(review: Review, hashes: list[int]) -> bytes:
    return msgspec.json.encode(_Line(tuple(f"{row_hash:016x}" for row_hash in hashes), review)) + b"\n"
