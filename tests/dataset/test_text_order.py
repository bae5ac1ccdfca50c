"""Rows in the order of what is asked in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.dataset.row_source import FileRows
from arny_studio.dataset.text_order import query_of, ranks_by_query
from arny_studio.dataset.text_search import SearchCancelled
from tests.dataset.rows import conversation, write_rows

LONG = "the same beginning of more than sixty letters, and only then "
QUERIES = st.lists(
    st.sampled_from(["b", "B", "a  c", "a b", "", LONG, LONG + "b", LONG + "A", LONG + "aa", "é", " " * 130 + "z"])
    | st.text(st.characters(codec="utf-8"), max_size=3).map(lambda end: LONG + end),
    min_size=1,
    max_size=12,
)


def never():
    return False


@given(QUERIES)
@settings(max_examples=60, deadline=None)
def test_that_rows_are_ordered_by_the_whole_of_what_is_asked(tmp_path_factory, queries):
    path = write_rows(
        tmp_path_factory.mktemp("order") / "d.jsonl",
        *[conversation(("user", query), ("assistant", "x")) for query in queries],
    )
    ranks = ranks_by_query(FileRows.open(path), never)
    texts = [" ".join(query.split()).casefold().encode() for query in queries]
    assert ranks.tolist() == [sorted(set(texts)).index(text) for text in texts]


def test_that_a_line_that_is_no_conversation_is_ordered_by_its_text(tmp_path):
    rows = FileRows.open(
        write_rows(tmp_path / "d.jsonl", b"zzz", b"\xff", conversation(("user", "m"), ("assistant", "x")))
    )
    assert np.argsort(ranks_by_query(rows, never)).tolist() == [2, 0, 1]
    assert query_of(b"zzz", 2) == "zz"
    with pytest.raises(SearchCancelled):
        ranks_by_query(rows, lambda: True)
