"""What people said of rows: beside the dataset, by content, after a crash too."""

from __future__ import annotations

import numpy as np
import pytest

from arny_studio.dataset.review import NO_REVIEW, Review, ReviewBook

FLAGGED = Review("flagged", ("check", "tone"), note="Too long?", provenance={"from": "import.csv:7"})


@pytest.fixture
def book(tmp_path):
    return ReviewBook(tmp_path / "review.jsonl")


def reopened(book):
    book.close()
    return ReviewBook(book._path)


def test_that_reviews_are_there_again_and_the_last_word_counts(book):
    book.put([1, 2, 3], [Review("accepted")] * 2 + [FLAGGED])
    book.put([2], [Review("rejected")])
    book.put([1], [NO_REVIEW])
    book = reopened(book)
    assert [book.get(n) for n in (1, 2, 3, 4)] == [NO_REVIEW, Review("rejected"), FLAGGED, NO_REVIEW]
    assert book.all_tags() == {"check": 1, "tone": 1}
    assert sorted(book.reviewed.tolist()) == [2, 3]


def test_that_a_torn_line_costs_only_itself_and_writing_goes_on_behind_it(book):
    book.put([1], [Review("accepted")])
    book.put([2], [Review("accepted")])
    book.close()
    data = book._path.read_bytes()
    book._path.write_bytes(data[:-9])
    book = ReviewBook(book._path)
    assert (book.get(1).status, book.get(2)) == ("accepted", NO_REVIEW)
    book.put([3], [FLAGGED])
    book = reopened(book)
    assert (book.get(1).status, book.get(3)) == ("accepted", FLAGGED)


def test_that_many_rows_with_one_verdict_are_one_line_and_changing_minds_does_not_fill_the_disk(book):
    hashes = np.random.default_rng(1).integers(1, 1 << 63, 2000, dtype=np.uint64).tolist()
    book.put(hashes, [Review("accepted")] * 2000)
    book.flush()
    assert book._path.read_bytes().count(b"\n") == 1
    for status in ("flagged", "rejected", "accepted"):
        book.put(hashes, [Review(status)] * 2000)
    book.close()
    assert book._path.read_bytes().count(b"\n") == 1
    assert len(ReviewBook(book._path).reviewed) == 2000


def test_that_columns_say_the_status_of_rows_in_any_order(book):
    book.put([5, 6], [Review("accepted", ("a",)), Review("flagged")])
    codes, tags = book.columns(np.array([6, 7, 5], np.uint64))
    assert (codes.tolist(), tags) == ([3, 0, 1], [(), (), ("a",)])


def test_that_a_review_follows_an_edited_row_and_stays_for_undo_but_not_while_typing(book):
    book.put([1], [FLAGGED])
    book.follow([1], [2])
    assert (book.get(1), book.get(2)) == (FLAGGED, FLAGGED)
    book.follow([2], [3], moves=True)
    assert (book.get(2), book.get(3)) == (NO_REVIEW, FLAGGED)
    book.put([4], [Review("rejected")])
    book.follow([3], [4])
    assert book.get(4) == Review("rejected")


def test_that_looking_writes_nothing(tmp_path):
    book = ReviewBook(tmp_path / "review.jsonl", read_only=True)
    book.put([1], [FLAGGED])
    assert book.get(1) == FLAGGED
    book.close()
    assert list(tmp_path.iterdir()) == []


def test_that_tags_are_put_on_once_and_taken_off():
    assert FLAGGED.tagged("new").tags == ("check", "tone", "new")
    assert FLAGGED.tagged("tone") is FLAGGED
    assert FLAGGED.untagged("check").tags == ("tone",)
