"""Many rows judged in one step, as previewed, and taken back in one; and what edits say of themselves."""

from __future__ import annotations

import numpy as np

from arny_studio.dataset.edit_provenance import MOST_ROWS, titles_by_key
from arny_studio.dataset.edits import Change, InsertRow, JudgeRows, RemoveRow, SetReview, SetRow
from arny_studio.dataset.judging import Judging, judged_rows, review_in_words
from arny_studio.dataset.review import Review
from arny_studio.dataset.row_state import Texts
from arny_studio.dataset.undo import Step
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


def test_that_saved_edits_say_when_by_whom_and_by_which_step_they_were_made(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    path = written(tmp_path / "d.jsonl", [row(str(number)) for number in range(4)])
    with editing(path) as document:
        document.apply(Change("Accept", (SetReview(0, Review("accepted")),)))
        document.apply(Change("Mend", (SetRow(0, row("mended")), RemoveRow(3))))
        document.apply(Change("Add a row", (InsertRow(1, row("new")),)))
        assert document.review_of(0) == Review("accepted")
        document.save()
        told = document.review_of(0)
        assert told.status == "accepted" and told.provenance["change"] == "Mend" and told.provenance["by"] == "ada"
        assert document.review_of(document.key_of(2)).provenance["change"] == "Add a row"
        assert document.review_of(1) == Review()
        document.apply(Change("Mend more", (SetRow(1, row("more")),)))
        document.save()
        assert document.review_of(0) == told and document.review_of(1).provenance["change"] == "Mend more"


def test_that_a_change_of_very_many_rows_is_left_to_its_snapshot():
    few, many = (
        Step(serial, name, (Texts(np.arange(count), *2 * (np.zeros(count, np.int64),)),))
        for serial, name, count in ((1, "few", 2), (2, "many", MOST_ROWS))
    )
    assert titles_by_key([few]) == {0: "few", 1: "few"}
    assert titles_by_key([few, many]) == {}
