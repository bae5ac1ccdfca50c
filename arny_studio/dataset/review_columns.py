"""Reviews as columns over the rows of a document, for filters and statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from arny_studio.dataset.review import STATUSES, ReviewBook


class ReviewColumns(Struct, frozen=True):
    """What people said of the rows: (rows,) uint8 codes into `statuses`, and for every tag the rows that carry it."""

    status: np.ndarray
    statuses: Sequence[str]  # the empty text: not reviewed
    tags: Mapping[str, np.ndarray] = {}  # (rows,) bool each


def review_columns(book: ReviewBook, hashes: np.ndarray) -> ReviewColumns:
    """The reviews of rows with these `row_hash`es, (rows,) uint64. Only reviewed rows are looked at one by one."""
    status = np.zeros(len(hashes), np.uint8)
    tags: dict[str, np.ndarray] = {}
    rows = np.flatnonzero(np.isin(hashes, book.reviewed))
    codes, named = book.columns(hashes[rows])
    status[rows] = codes
    for row, names in zip(rows.tolist(), named, strict=True):
        for name in names:
            tags.setdefault(name, np.zeros(len(hashes), bool))[row] = True
    return ReviewColumns(status, STATUSES, tags)
