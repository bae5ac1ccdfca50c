"""Two states of a dataset, row by row."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.dataset.document import Document
from arny_studio.dataset.row_diff import change_to, diff_hashes
from tests.dataset.documents import editing, row, written

LETTERS = st.lists(st.sampled_from("abcde"), max_size=12)


def diff(old, new):
    found = diff_hashes(*(np.frombuffer(text.encode(), np.uint8).astype(np.uint64) for text in (old, new)))
    return (
        found.added.tolist(),
        found.removed.tolist(),
        found.changed.tolist(),
        found.moved.tolist(),
        found.unchanged,
    )


def test_that_rows_are_told_apart_as_added_removed_changed_and_moved():
    assert diff("abc", "abc") == ([], [], [], [], 3)
    assert diff("abc", "aXbc") == ([1], [], [], [], 3)
    assert diff("abc", "ac") == ([], [1], [], [], 2)
    assert diff("abc", "aXc") == ([], [], [[1, 1]], [], 2)
    assert diff("abcd", "bcda") == ([], [], [], [[0, 3]], 3)
    assert diff("", "ab") == ([0, 1], [], [], [], 0)
    assert diff("aab", "ab") == ([], [1], [], [], 2)


@given(old=LETTERS, new=LETTERS)
def test_that_every_row_is_accounted_for_once(old, new):
    added, removed, changed, moved, unchanged = diff("".join(old), "".join(new))
    assert len(removed) + len(changed) + len(moved) + unchanged == len(old)
    assert len(added) + len(changed) + len(moved) + unchanged == len(new)


@settings(deadline=None, max_examples=60)
@given(old=LETTERS, new=LETTERS)
def test_that_a_document_becomes_another_state_in_one_step_and_back(folder, old, new):
    other = Document.open(written(folder / "new.jsonl", [row(letter) for letter in new]), read_only=True)
    with editing(written(folder / "old.jsonl", [row(letter) for letter in old])) as document:
        document.apply(change_to(document, other, "Restore"))
        assert list(document.rows()) == [row(letter) for letter in new]
        assert document.undo() == "Restore"
        assert list(document.rows()) == [row(letter) for letter in old]
    other.close()
