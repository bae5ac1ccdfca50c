"""Two states of a dataset, row by row: what came, what went, what was changed, what only moved.

Rows are equal when their hashes are. Between two rows that both states have in the same order, the n-th other row of
the one is taken for the changed n-th other row of the other.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from msgspec import Struct

from arny_studio.dataset.edited_rows import EditedRows
from arny_studio.dataset.edits import START, ApplyPatch, Change
from arny_studio.dataset.opened_rows import OpenedRows
from arny_studio.dataset.patch_file import PatchWriter


class RowDiff(Struct, frozen=True):
    """Rows count from 0 in their own state; all arrays int64, ascending."""

    added: np.ndarray  # rows of the new state
    removed: np.ndarray  # rows of the old state
    changed: np.ndarray  # (n, 2): row of the old state, row of the new one
    moved: np.ndarray  # (n, 2): equal rows in another order
    unchanged: int

    @property
    def is_empty(self) -> bool:
        """Whether the two states have the same rows in the same order."""
        return not (len(self.added) or len(self.removed) or len(self.changed) or len(self.moved))


def diff_rows(old: OpenedRows, new: OpenedRows) -> RowDiff:
    """Compare two states; reads both in whole (about 2 s per million rows)."""
    return diff_hashes(old.hashes(), new.hashes())


def diff_hashes(old: np.ndarray, new: np.ndarray) -> RowDiff:
    """The same by the hashes of the rows, uint64."""
    partner = _equal_rows(old, new)
    matched = np.flatnonzero(partner >= 0)
    in_order = matched[_longest_increasing(partner[matched])]
    changed = _changed_between(partner, in_order, len(new))
    stays = np.zeros(len(old), dtype=bool)
    stays[in_order] = True
    moved = matched[~stays[matched]]
    gone = partner < 0
    gone[changed[:, 0]] = False
    come = np.ones(len(new), dtype=bool)
    come[partner[matched]] = False
    come[changed[:, 1]] = False
    return RowDiff(
        added=np.flatnonzero(come), removed=np.flatnonzero(gone), changed=changed,
        moved=np.stack((moved, partner[moved]), axis=1), unchanged=len(in_order),
    )  # fmt: skip


def change_to(document: EditedRows, other: OpenedRows, title: str) -> Change:
    """The change after which a document has the rows of another state: to go back to a snapshot as one undo step."""
    version, keys = document.version, document.keys
    diff = diff_rows(document, other)
    path = document.new_patch_path()
    behind = _rows_behind(diff, document.row_count, other.row_count)
    with PatchWriter(path) as patch:
        for row, its_new in diff.changed.tolist():
            patch.set(int(keys[row]), document.raw(row), other.raw(its_new))
        for its_new in np.union1d(diff.added, diff.moved[:, 1]).tolist():
            row = int(behind[its_new])
            patch.insert(int(keys[row]) if row >= 0 else START, other.raw(its_new))
        for row in np.union1d(diff.removed, diff.moved[:, 0]).tolist():
            patch.remove(int(keys[row]), document.raw(row))
    return Change(title, (ApplyPatch(str(path)),), version=version)


def _equal_rows(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """For each old row the new row with its hash, the n-th of equals for the n-th; -1 where there is none."""
    old_order, new_order = np.argsort(old, kind="stable"), np.argsort(new, kind="stable")
    old_sorted, new_sorted = old[old_order], new[new_order]
    occurrence = np.arange(len(old)) - np.searchsorted(old_sorted, old_sorted, "left")
    first = np.searchsorted(new_sorted, old_sorted, "left")
    count = np.searchsorted(new_sorted, old_sorted, "right") - first
    found = occurrence < count
    partner = np.full(len(old), -1, dtype=np.int64)
    partner[old_order[found]] = new_order[(first + occurrence)[found]]
    return partner


def _longest_increasing(values: np.ndarray) -> np.ndarray:
    """Places of a longest increasing subsequence, ascending (patience sorting)."""
    if len(values) < 2 or bool((np.diff(values) > 0).all()):
        return np.arange(len(values))
    tails: list[int] = []
    places: list[int] = []
    before = np.full(len(values), -1, dtype=np.int64)
    for place, value in enumerate(values.tolist()):
        length = bisect_left(tails, value)
        if length:
            before[place] = places[length - 1]
        tails[length : length + 1] = [value]
        places[length : length + 1] = [place]
    chain, place = [], places[-1]
    while place >= 0:
        chain.append(place)
        place = int(before[place])
    return np.array(chain[::-1], dtype=np.int64)


def _changed_between(partner: np.ndarray, in_order: np.ndarray, new_count: int) -> np.ndarray:
    """Pairs of unmatched rows that stand at the same place between two rows kept in order, shape (n, 2)."""
    old_rows = np.flatnonzero(partner < 0)
    is_taken = np.zeros(new_count, dtype=bool)
    is_taken[partner[partner >= 0]] = True
    new_rows = np.flatnonzero(~is_taken)
    old_place = _place_in_gap(old_rows, in_order)
    new_place = _place_in_gap(new_rows, partner[in_order])
    _, left, right = np.intersect1d(old_place, new_place, assume_unique=True, return_indices=True)
    pairs = np.stack((old_rows[left], new_rows[right]), axis=1)
    return pairs[np.argsort(pairs[:, 0])]


def _place_in_gap(rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """A number for (between which kept rows, how many of `rows` stand there before)."""
    gap = np.searchsorted(kept, rows)
    rank = np.arange(len(rows)) - np.searchsorted(gap, gap, "left")
    return gap * (1 << 32) + rank


def _rows_behind(diff: RowDiff, old_count: int, new_count: int) -> np.ndarray:
    """For each row of the new state: the row of the old one that stays and stands in front of it; -1 for none."""
    gone = np.union1d(diff.removed, diff.moved[:, 0])
    stays = np.setdiff1d(np.arange(old_count), gone, assume_unique=True)
    come = np.union1d(diff.added, diff.moved[:, 1])
    is_new = np.zeros(new_count, dtype=bool)
    is_new[come] = True
    count_before = np.cumsum(~is_new)
    return np.where(count_before > 0, np.append(stays, -1)[count_before - 1], -1)
