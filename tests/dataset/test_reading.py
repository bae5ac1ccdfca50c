"""Every line becomes a sample or a problem that says where it is; the rest stays usable."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset.document import Document
from arny_studio.dataset.reading import parse_row, read_samples
from arny_studio.dataset.samples import RowProblem, Sample
from arny_studio.errors import MissingFile

GOOD = {"id": "a", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


def line(value=GOOD):
    return json.dumps(value).encode()


def problem_of(raw):
    problem = parse_row(raw, file="x.jsonl", line=3)
    assert isinstance(problem, RowProblem)
    return problem


def test_that_a_row_keeps_its_turns_and_its_unknown_keys():
    sample = parse_row(line(GOOD | {"source": "me"}), file="x.jsonl", line=1)
    assert isinstance(sample, Sample)
    assert (sample.query, sample.answer, sample.value["source"]) == ("hi", "hello", "me")
    assert [turn.role for turn in sample.prompt] == ["user"]


@pytest.mark.parametrize(
    ("raw", "column", "said"),
    [
        (b'{"messages": [}', 15, "not JSON"),
        (b'{"id": "caf\xe9"}', 12, "0xe9 is not UTF-8"),
        (b"[1, 2]", None, "JSON object"),
        (b'{"text": "x"}', None, "it has text"),
        (b'{"messages": [{"role": "robot", "content": "x"}]}', None, "'robot' is none of"),
        (b'{"messages": [{"role": "user", "content": 5}]}', None, "content of a turn is a text"),
        (b'{"messages": ["x"]}', None, "role and content"),
        (b'{"x": NaN}', None, "strict JSON"),
        (b"[" * 100_000, None, "JSON"),
    ],
)
def test_that_a_bad_line_says_where_it_is_and_what_was_expected(raw, column, said):
    problem = problem_of(raw)
    assert said in problem.sentence
    assert (problem.column or None) == column
    assert str(problem).startswith("x.jsonl:3")


def test_that_one_bad_line_leaves_the_others_usable(tmp_path):
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line() + b"\r\n\n\xff\xfe\n" + line() + b"\n{oops\n" + line())
    items = list(read_samples(path))
    assert [type(item) for item in items] == [Sample, RowProblem, Sample, RowProblem, Sample]
    assert [item.line for item in items] == [1, 3, 4, 5, 6]


def test_that_a_vanished_file_is_said(tmp_path):
    with pytest.raises(MissingFile, match="gone"):
        list(read_samples(tmp_path / "gone.jsonl"))


@given(raw=st.binary(max_size=200))
def test_that_no_line_crashes_the_reader(raw):
    assert isinstance(parse_row(raw, file="x", line=1), Sample | RowProblem)


@given(
    chunks=st.lists(st.sampled_from([line(), b"", b"   ", b"{", b"\xff", line() * 2]), max_size=12), crlf=st.booleans()
)
def test_that_the_document_sees_the_same_rows_as_the_stream(tmp_path_factory, chunks, crlf):
    path = tmp_path_factory.mktemp("doc") / "d.jsonl"
    path.write_bytes((b"\r\n" if crlf else b"\n").join(chunks))
    streamed = list(read_samples(path))
    document = Document.open(path)
    assert document.row_count == len(streamed)
    assert [document.line_number(row) for row in range(document.row_count)] == [item.line for item in streamed]
    for row, item in enumerate(streamed):
        assert type(document.sample(row)) is type(item)
    document.close()


def test_that_a_long_blank_line_is_shown_as_a_problem_and_an_empty_file_has_no_rows(tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert Document.open(empty).row_count == 0
    with pytest.raises(MissingFile):
        Document.open(tmp_path / "gone.jsonl")
