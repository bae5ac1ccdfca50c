"""Rows that say the same: exactly, or contradicting each other. Arrays of hashes in, arrays of row numbers out."""

from __future__ import annotations

import numpy as np


def first_of_each(hashes: np.ndarray) -> np.ndarray:
    """For each row the first row with the same hash, its own number where it is that first one; -1 where the hash is 0.

    `hashes` is (rows,) uint64; so is the result's shape, int64.
    """
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    starts = np.ones(len(hashes), bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    first = np.empty(len(hashes), np.int64)
    first[order] = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]] if len(hashes) else order
    return np.where(hashes == 0, -1, first)


def members_that_disagree(query: np.ndarray, label: np.ndarray) -> np.ndarray:
    """For each row whose query another row labels differently, the first row with that query; else -1.

    Rows without query or label (0) agree with everyone. Both are (rows,) uint64; the result is (rows,) int64.
    """
    known = (query != 0) & (label != 0)
    first = first_of_each(np.where(known, query, 0))
    disagrees = np.zeros(len(query), bool)
    rows = np.flatnonzero(first >= 0)
    disagrees[first[rows[label[rows] != label[first[rows]]]]] = True  # a group is in dispute, and all of it then
    return np.where((first >= 0) & disagrees[first], first, -1)


def rows_found_in(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which rows, (rows,) bool, have a hash that occurs in another file; 0 is no hash."""
    return np.isin(hashes, others[others != 0]) & (hashes != 0)
