"""Which rows a query means: held against reading every row with plain Python."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.dataset.filtering import SearchCancelled, mask_for, matching_rows
from arny_studio.dataset.query import Text, parse
from arny_studio.dataset.review import STATUSES, Review, ReviewBook
from arny_studio.dataset.review_columns import review_columns
from arny_studio.dataset.row_source import FileRows, SourceView
from arny_studio.dataset.scanning import ScanOptions, scan
from arny_studio.dataset.statistics import statistics
from arny_studio.dataset.text_search import TextSearch
from arny_studio.errors import BadInput
from tests.dataset.rows import conversation, decided, without, write_rows

ROWS = (
    decided("A room in Paris", primary_journey="hotel", journeys=["hotel"], intent="room_search", complexity_score=65, direct_answer=None),
    decided("a flight to PARIS", primary_journey="flight", journeys=["flight", "hotel"], intent="book_flight", complexity_score=30),
    decided("Grüße an café", intent="book_table", routing_confidence=0.4),
    b"{ paris",
    conversation(("system", "paris"), ("user", "Why?"), ("assistant", "Because of paris.\nYes."), id="x-7"),
    without("complexity_score", query="say \"hi\" / bye\\now"),
    json.dumps({"messages": [{"role": "user", "content": "caf\u00e9 \u0041"}, {"role": "assistant", "content": "ok"}]}).encode(),
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = write_rows(tmp_path_factory.mktemp("d") / "d.jsonl", *ROWS)
    return scan(SourceView(path=str(path)), ScanOptions(processes=1)), FileRows.open(path)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("journey:hotel", [0]),
        ("journey:hotel,flight", [0, 1]),
        ("journey:HOT*", [0]),
        ("journey:none", [3, 4, 6]),
        ("intent:book_*", [1, 2]),
        ("intent:greeting", [5]),
        ("complexity>=60", [0]),
        ("complexity:none", [3, 4, 5, 6]),
        ("complexity!=none", [0, 1, 2]),
        ("complexity:30..65", [0, 1]),
        ("confidence=0.4", [2]),
        ("confidence<0.5", [2]),
        ("journeys>=2", [1]),
        ("row:2..3", [1, 2]),
        ("turns:3", [4]),
        ("is:reasons", [0]),
        ("is:several,answers", [1]),
        ("-is:routing", [3, 4, 6]),
        ("problem:unreadable", [3]),
        ("problem:warning", [5]),
        ("problem:error -problem:rule", [3]),
        ("problem:none", [0, 1, 2, 4, 6]),
        ("paris", [0, 1, 3, 4]),
        ("role:user paris", [0, 1]),
        ("role:assistant paris", [4]),
        ("role:system paris", [4]),
        ("role:system", [4]),
        ("role:id x-7", [4]),
        ("x-7", [4]),
        ("journey:hotel paris", [0]),
        ("paris -journey:hotel", [1, 3, 4]),
        ("journey:hotel or because", [0, 4]),
        ("CAFÉ", [2, 6]),
        ("grüße", [2]),
        ('"say \\"hi\\""', [5]),
        ('"/ bye\\\\now"', [5]),
        ("room_search", [0]),
        ("/pari[sz]/", [3, 4]),
        ("/pari[sz]/i", [0, 1, 3, 4]),
        ("role:user /^a/i", [0, 1]),
        ("/^Yes\\.$/", []),
        ("nothing", []),
        ("-(paris or café)", [5]),
    ],
)
def test_that_a_query_finds_its_rows(dataset, query, rows):
    columns, source = dataset
    assert matching_rows(parse(query), columns, source).tolist() == rows


_words = st.sampled_from(["a", "Pa", "is", "é", "ß", '"', "\\", "/", "\n", " ", "7", "{", "\U0001f600"])


@given(
    st.lists(st.lists(_words, max_size=4).map("".join), min_size=1, max_size=5),
    st.lists(_words, min_size=1, max_size=3).map("".join),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_that_a_search_finds_exactly_the_rows_that_reading_them_would(contents, needle, is_ascii):
    lines = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "…"}]} for text in contents
    ]
    rows = SimpleNamespace(rows=lambda: (json.dumps(line, ensure_ascii=is_ascii).encode() for line in lines))
    found = TextSearch(rows).mask(Text(needle, "user"), np.ones(len(lines), bool)).tolist()
    assert found == [needle.casefold() in text.casefold() for text in contents]


def test_that_ascii_letters_written_as_escapes_are_found(tmp_path):
    row = rb'{"messages":[{"role":"user","content":"\u0050aris"},{"role":"assistant","content":"x"}]}'
    path = write_rows(tmp_path / "d.jsonl", row)
    columns = scan(SourceView(path=str(path)), ScanOptions(processes=1))
    assert matching_rows(parse("paris"), columns, FileRows.open(path)).tolist() == [0]


def test_that_a_search_nobody_wants_any_more_ends(dataset):
    columns, source = dataset
    with pytest.raises(SearchCancelled):
        matching_rows(parse("paris"), columns, source, is_void=lambda: True)
    assert matching_rows(parse("journey:hotel"), columns, source, is_void=lambda: True).tolist() == [0]


def test_that_words_and_reviews_are_refused_where_they_are_not_at_hand(dataset):
    columns, _ = dataset
    for query in ("paris", "status:accepted", "tag:x"):
        with pytest.raises(BadInput):
            matching_rows(parse(query), columns, None)


def test_that_status_and_tags_filter_and_are_counted(dataset, tmp_path):
    columns, source = dataset
    hashes = columns.array("row_hash")
    book = ReviewBook(tmp_path / "review.jsonl")
    book.put([int(hashes[0]), int(hashes[2])], [Review(status="accepted", tags=("hard",)), Review(status="flagged")])
    review = review_columns(book, hashes)
    cases = {
        "status:accepted": [0], "status:none": [1, 3, 4, 5, 6], "status:*": [0, 2], "tag:ha*": [0], "tag:*": [0],
        "-tag:none": [0], "status:flagged,accepted -tag:hard": [2],
    }  # fmt: skip
    for query, rows in cases.items():
        assert matching_rows(parse(query), columns, source, review=review).tolist() == rows, query
    bars = {
        bar.label: (bar.count, bar.total)
        for bar in statistics(columns, review=review, mask=mask_for(parse("journey:hotel"), columns)).review
    }
    assert bars == {"not reviewed": (0, 5), "accepted": (1, 1), "rejected": (0, 0), "flagged": (0, 1)}
    assert tuple(review.statuses) == STATUSES
    book.close()


def test_that_every_bar_counts_the_rows_that_its_query_finds(dataset):
    columns, source = dataset
    mask = mask_for(parse("is:routing"), columns)
    found = statistics(columns, mask=mask)
    bars = [
        *found.journeys, *found.intents, *found.complexity, *found.confidence, *found.flags, *found.problems,
        *(bar for lengths in found.lengths for bar in lengths.bars),
    ]  # fmt: skip
    assert len(bars) > 30
    for bar in bars:
        here = mask_for(parse(bar.query), columns, source)
        assert (bar.total, bar.count) == (np.count_nonzero(here), np.count_nonzero(here & mask)), bar
    assert (found.rows, found.total, found.usable, found.at_or_above_threshold) == (4, 7, 4, 1)
    assert sum(bar.total for bar in found.journeys) == 7


def test_that_statistics_cut_the_bands_at_the_threshold_and_survive_an_empty_file(dataset, tmp_path):
    columns, _ = dataset
    labels = [bar.label for bar in statistics(columns, threshold=50).complexity]
    assert labels == ["0–20", "21–40", "41–49", "50–59", "60–80", "81–100"]
    empty = scan(SourceView(path=str(write_rows(tmp_path / "e.jsonl"))), ScanOptions(processes=1))
    assert statistics(empty).rows == 0
