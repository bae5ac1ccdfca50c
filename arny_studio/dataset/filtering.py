"""Which rows a query means: masks over the columns first, then the texts of the rows that are left."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from arny_studio.dataset import query as q
from arny_studio.dataset.columns import ColumnSource
from arny_studio.dataset.problems import SEVERITIES, mask_of, mask_of_severity
from arny_studio.dataset.review_columns import ReviewColumns
from arny_studio.dataset.row_columns import FLAGS
from arny_studio.dataset.row_source import RowSource
from arny_studio.dataset.text_search import SearchCancelled, TextSearch
from arny_studio.errors import BadInput

__all__ = ["SearchCancelled", "mask_for", "matching_rows"]

_COMPARE: dict[str, Callable[[np.ndarray, Any], np.ndarray]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip


def matching_rows(
    query: q.Query,
    source: ColumnSource,
    rows: RowSource | None = None,
    *,
    review: ReviewColumns | None = None,
    is_void: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The numbers of the rows, int64 ascending.

    Conditions on columns take milliseconds; words and regular expressions read `rows`, which must then be given.
    `is_void` is asked every few hundred rows and ends the search with SearchCancelled; `on_progress` hears of rows
    searched and rows to search. Raises BadInput where the query needs rows or reviews that were not given.
    """
    return np.flatnonzero(mask_for(query, source, rows, review=review, is_void=is_void, on_progress=on_progress))


def mask_for(
    query: q.Query,
    source: ColumnSource,
    rows: RowSource | None = None,
    *,
    review: ReviewColumns | None = None,
    is_void: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The same as (rows,) bool."""
    search = None if rows is None else TextSearch(rows, is_void=is_void, on_progress=on_progress)
    return _Evaluation(source, search, review).mask(query, np.ones(source.row_count, bool))


class _Evaluation:
    """Answers a query; `within` are the rows that still matter, so that texts are read of no others."""

    def __init__(self, source: ColumnSource, search: TextSearch | None, review: ReviewColumns | None) -> None:
        self._source = source
        self._search = search
        self._review = review

    def mask(self, query: q.Query, within: np.ndarray) -> np.ndarray:
        """(rows,) bool, right inside `within`; nothing is set outside of it."""
        match query:
            case q.And(parts):
                for part in sorted(parts, key=q.needs_text):
                    within = self.mask(part, within)
                return within
            case q.Or(parts):
                found = np.zeros_like(within)
                for part in sorted(parts, key=q.needs_text):
                    found |= self.mask(part, within & ~found)
                return found
            case q.Not(part):
                return within & ~self.mask(part, within)
            case q.Text() | q.Pattern():
                return self._texts(query, within)
        return within & self._column_mask(query)

    def _column_mask(self, query: q.Query) -> np.ndarray | bool:
        match query:
            case q.Category(field, words):
                return self._category(field, words)
            case q.Number(field, comparison, value):
                return self._number(field, comparison, value)
            case q.Between(field, low, high):
                values = self._numbers(field)
                return (values >= low) & (values <= high)
            case q.Flag(name):
                return (self._source.array("flags") & np.uint16(FLAGS[name])) != 0
            case q.Problem(words):
                return self._problem(words)
            case q.Status(words):
                return self._status(words)
            case q.Tag(words):
                return self._tag(words)
        return True

    def _category(self, field: str, words: tuple[str, ...]) -> np.ndarray:
        vocabulary = self._source.vocabulary(field)
        wanted = np.zeros(len(vocabulary) + 1, bool)  # the last place answers for the code -1
        for code, word in enumerate(vocabulary):
            wanted[code] = any(_fits(word, pattern) for pattern in words)
        wanted[-1] = "none" in words
        return wanted[self._source.array(field)]

    def _number(self, field: str, comparison: str, value: float | None) -> np.ndarray:
        values = self._numbers(field)
        if value is None:
            absent = np.isnan(values) if values.dtype.kind == "f" else values < 0
            return absent if comparison == "=" else ~absent
        return _COMPARE[comparison](values, values.dtype.type(value) if values.dtype.kind == "f" else value)

    def _numbers(self, field: str) -> np.ndarray:
        return np.arange(1, self._source.row_count + 1) if field == "row" else self._source.array(field)

    def _problem(self, words: tuple[str, ...]) -> np.ndarray:
        problems = self._source.array("problems")
        found = np.zeros(len(problems), bool)
        for word in words:
            if word == "none":
                found |= problems == 0
            else:
                found |= (problems & np.uint32(_problem_mask(word))) != 0
        return found

    def _status(self, words: tuple[str, ...]) -> np.ndarray:
        review = self._reviewed()
        wanted = np.array([_is_wanted_status(status, words) for status in review.statuses])
        return wanted[review.status]

    def _tag(self, words: tuple[str, ...]) -> np.ndarray:
        review = self._reviewed()
        tagged = np.zeros(self._source.row_count, bool)
        found = tagged.copy()
        for tag, rows in review.tags.items():
            tagged |= rows
            if any(_fits(tag, pattern) for pattern in words):
                found |= rows
        return found | ~tagged if "none" in words else found

    def _reviewed(self) -> ReviewColumns:
        if self._review is None:
            raise BadInput("Status and tags are kept beside a dataset that is open; here there are none.")
        return self._review

    def _texts(self, query: q.Text | q.Pattern, within: np.ndarray) -> np.ndarray:
        if self._search is None:
            raise BadInput("Words can only be searched for where the rows are at hand.")
        return self._search.mask(query, within)


def _problem_mask(word: str) -> int:
    if word == "*":
        return 0xFFFFFFFF
    masks = {severity: mask_of_severity(severity) for severity in SEVERITIES}
    return masks[word] if word in masks else mask_of(word)


def _is_wanted_status(status: str, words: tuple[str, ...]) -> bool:
    return (status or "none") in words or ("*" in words and bool(status))


def _fits(word: str, pattern: str) -> bool:
    return word == pattern or fnmatchcase(word.casefold(), pattern.casefold())
