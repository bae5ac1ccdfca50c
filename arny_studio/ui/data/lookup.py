"""What the table, the problems and the statistics show for a query and an order: worked out in one go, in a thread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from arny_studio.dataset.columns import LiveColumns
from arny_studio.dataset.document import Document
from arny_studio.dataset.filtering import SearchCancelled, matching_rows
from arny_studio.dataset.problems import counts_by_kind
from arny_studio.dataset.query import parse
from arny_studio.dataset.review import STATUSES
from arny_studio.dataset.review_columns import ReviewColumns, review_columns
from arny_studio.dataset.row_columns import CATEGORIES
from arny_studio.dataset.statistics import Statistics, statistics
from arny_studio.dataset.text_order import ranks_by_query
from arny_studio.ui.data.open_document import Pairs, Sort


class Wanted(Struct, frozen=True):
    """A query and an order. Where only counts are wanted, there is no order."""

    query: str
    sort: Sort | None


class Found(Struct, frozen=True):
    """The answer. `keys` is None for every row in file order; `counts` are rows per kind of problem in the whole file."""

    wanted: Wanted
    keys: np.ndarray | None
    matches: int
    rows: int
    counts: dict[str, int]
    statistics: Statistics
    reviewed: dict[str, int]
    pairs: Pairs
    words: dict[str, tuple[str, ...]]  # what there is to filter by: field → values


def look_up(wanted: Wanted, columns: LiveColumns, document: Document, is_void: Callable[[], bool]) -> Found:
    """Filter, order and count. Raises QuerySyntax where the query cannot be read."""
    keys = columns.keys
    review = review_columns(document.review, columns.array("row_hash"))
    rows = None
    if wanted.query.strip():
        rows = matching_rows(parse(wanted.query), columns, document, review=review, is_void=is_void)
    mask = None
    if rows is not None:
        mask = np.zeros(len(keys), dtype=bool)
        mask[rows] = True
    ordered = _ordered(wanted.sort, columns, rows, _TextColumns(document, review, is_void))
    return Found(
        wanted=wanted,
        keys=None if ordered is None else keys[ordered],
        matches=len(keys) if rows is None else len(rows),
        rows=len(keys),
        counts=counts_by_kind(columns.array("problems")),
        statistics=statistics(columns, mask=mask, review=review),
        reviewed=_counted(review.status),
        pairs=Pairs.of(columns),
        words={name: columns.vocabulary(name) for name in CATEGORIES} | {"tag": tuple(review.tags)},
    )


class _TextColumns:
    """What rows are ordered by beside their columns: the words of queries, reviews and tags."""

    def __init__(self, document: Document, review: ReviewColumns, is_void: Callable[[], bool]) -> None:
        self._document = document
        self._review = review
        self._is_void = is_void

    def ranks(self, name: str, count: int) -> np.ndarray | None:
        """(rows,) numbers that order rows by such a column; None where it is another one."""
        if name == "review":
            return self._review.status
        if name == "tags":
            return self._tag_ranks(count)
        if name != "query":
            return None
        ranks = ranks_by_query(self._document, self._is_void)
        if len(ranks) != count:  # rows came or went meanwhile; the search that follows from it is on its way
            raise SearchCancelled
        return ranks

    def _tag_ranks(self, count: int) -> np.ndarray:
        """By the first tag in the alphabet; rows without one come last."""
        names = sorted(self._review.tags, key=str.casefold)
        ranks = np.full(count, len(names))
        for rank, name in reversed(list(enumerate(names))):
            ranks[self._review.tags[name]] = rank
        return ranks


def _ordered(
    sort: Sort | None, columns: LiveColumns, rows: np.ndarray | None, texts: _TextColumns
) -> np.ndarray | None:
    """Row numbers in the wanted order, those of equal value in file order; None: every row in file order."""
    if sort is None or (not sort.column and not sort.is_descending):
        return rows
    chosen = np.arange(columns.row_count) if rows is None else rows
    if not sort.column:
        return chosen[::-1]
    values = texts.ranks(sort.column, columns.row_count)
    values = (_sort_values(sort.column, columns) if values is None else values)[chosen]
    if sort.is_descending:
        return chosen[np.argsort(-values.astype(np.float64), kind="stable")]
    return chosen[np.argsort(values, kind="stable")]


def _sort_values(name: str, columns: LiveColumns) -> np.ndarray:
    """Numbers that order rows by a column; words by their alphabet, problems by how many there are."""
    values = columns.array(name)
    if name in CATEGORIES:
        words = columns.vocabulary(name)
        ranks = np.empty(len(words) + 1, dtype=np.int64)
        ranks[np.argsort(np.array([word.casefold() for word in words], dtype=object), kind="stable")] = range(
            len(words)
        )
        ranks[-1] = len(words)  # code -1, no word: behind all others
        return ranks[values]
    if name == "problems":
        return np.bitwise_count(values)
    return values


def _counted(codes: np.ndarray) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(STATUSES))
    return {status: int(count) for status, count in zip(STATUSES, counts, strict=False) if status}
