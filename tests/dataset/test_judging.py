"""Many rows judged in one step, as previewed, and taken back in one."""

from __future__ import annotations

import numpy as np

from arny_studio.dataset.edits import Change, JudgeRows
from arny_studio.dataset.judging import Judging, judged_rows, review_in_words
from arny_studio.dataset.review import Review
from tests.dataset.documents import editing, row, written


def test_that_a_judging_changes_what_it_names_and_nothing_else():
    review = Review("accepted", ("a", "b"), note="old")
    assert Judging().of(review) is review
    assert Judging(tags=("c",), untagged=("a", "x")).of(review) == Review("accepted", ("b", "c"), note="old")
    assert Judging(status="none", note="new").of(review) == Review("", ("a", "b"), note="new")
    assert Judging(status="flagged", tags=("c",)).title == "Mark as flagged, tag as c"
    assert "tags: a, b" in review_in_words(review)


def test_that_many_rows_are_judged_in_one_step_that_no_byte_knows_of(tmp_path):
    path = written(tmp_path / "d.jsonl", [row(str(number)) for number in range(5)])
    with editing(path) as document:
        tagged = judged_rows(document, np.array([1, 3]), Judging(tags=("hard",)))
        document.apply(Change("Tag", (JudgeRows(tagged),), document.version))
        assert [document.review_of(key).tags for key in range(5)] == [(), ("hard",), (), ("hard",), ()]
        rest = judged_rows(document, document.keys, Judging(tags=("hard",)))
        assert rest.keys.tolist() == [0, 2, 4] and not document.is_changed
        some = rest.subset(np.array([False, True, False]))
        document.apply(Change("Tag", (JudgeRows(some),)))
        assert document.review_of(2).tags == ("hard",) and document.review_of(0).tags == ()
        document.undo(), document.undo()
        assert all(document.review_of(key) == Review() for key in range(5))
        document.redo()
        assert document.review_of(3).tags == ("hard",)
