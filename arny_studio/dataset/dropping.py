"""Which rows of a group that says the same have to go."""

from __future__ import annotations

import numpy as np
import orjson

from arny_studio.contract import Contract
from arny_studio.dataset.bulk import DropDuplicates
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.duplicates import first_of_each
from arny_studio.dataset.near_duplicates import band_keys, comparable_text, near_groups
from arny_studio.dataset.problems import ERRORS
from arny_studio.dataset.row_source import RowSource

_PAGE_ROWS = 4096


def rows_to_drop(source: RowSource, operation: DropDuplicates, contract: Contract, *, within: np.ndarray) -> np.ndarray:
    """(rows,) bool: all of a group but the one to keep. Only rows `within` (bool) are compared."""
    checker = RowChecker(contract)
    rows = np.flatnonzero(within)
    content, completeness = np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.int64)
    bands: list[np.ndarray] = []
    page: list[bytes] = []
    for place, raw in enumerate(_rows(source, rows)):
        columns = checker.columns_of(raw)
        content[place] = columns.content
        completeness[place] = _completeness(raw, columns.problems)
        if operation.near:
            page.append(comparable_text(raw))
            if len(page) == _PAGE_ROWS:
                bands.append(band_keys(page))
                page = []
    groups = first_of_each(content)
    if operation.near:
        keys = np.concatenate([*bands, band_keys(page)])
        near = near_groups(keys, lambda place: comparable_text(source.raw(int(rows[place]))))
        groups = np.where(near >= 0, near, groups)
    dropped = np.zeros(source.row_count, bool)
    dropped[rows[_all_but_one(groups, operation.keep, completeness)]] = True
    return dropped


def _rows(source: RowSource, rows: np.ndarray):  # noqa: ANN202 - an iterator of bytes
    return source.rows() if len(rows) == source.row_count else (source.raw(row) for row in rows.tolist())


def _completeness(raw: bytes, problems: int) -> int:
    """How much a row says: usable before faulty, then more keys, then more bytes."""
    try:
        keys = len(orjson.loads(raw))
    except (orjson.JSONDecodeError, TypeError):
        keys = 0
    return (not problems & ERRORS) * (1 << 60) + min(keys, 1 << 20) * (1 << 32) + min(len(raw), (1 << 32) - 1)


def _all_but_one(groups: np.ndarray, keep: str, completeness: np.ndarray) -> np.ndarray:
    """Places of the members of each group but the kept one; -1 is no group."""
    places = np.flatnonzero(groups >= 0)
    rank = {"first": -places, "last": places, "most_complete": completeness[places]}[keep]
    order = places[np.lexsort((-places, rank, groups[places]))]
    is_kept = np.ones(len(order), bool)
    is_kept[:-1] = groups[order[1:]] != groups[order[:-1]]  # the last of each group has the highest rank
    return order[~is_kept]
