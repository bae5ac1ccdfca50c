"""Where rows lie, found in small blocks by several threads, against splitting the bytes as a whole."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset import file_bytes, newlines
from arny_studio.dataset.file_bytes import FileBytes
from arny_studio.dataset.line_index import BOM, LineIndex

texts = st.lists(st.sampled_from([b"\n", b"\r\n", b" ", b"\t", b"a", b"{}", b"\x00", b"z" * 40, BOM]), max_size=80)


def indexed(path, content):
    path.write_bytes(content)
    file = FileBytes.open(path)
    index = LineIndex.of(file)
    found = index.line_count, list(index.rows()), [index.raw(row) for row in range(index.row_count)]
    file.close()
    return found


@contextmanager
def small_blocks():
    """Files of a few bytes are looked at as if they were of many blocks and worth three threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newlines, "_BLOCK_BYTES", 16)
        patch.setattr(newlines, "_ALONE_BYTES", 1)
        patch.setattr(newlines.os, "cpu_count", lambda: 3)
        yield


@given(pieces=texts)
def test_that_rows_are_the_lines_that_hold_something(pieces, tmp_path_factory):
    content = b"".join(pieces)
    lines = content.removeprefix(BOM).split(b"\n")
    lines = lines if lines[-1] else lines[:-1]
    rows = [line.removesuffix(b"\r") for line in lines if line.strip()]
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    with small_blocks():
        found = indexed(path, content)
    assert found == (len(lines), rows, rows)


def test_that_a_file_of_several_whole_blocks_is_found_by_two_threads(monkeypatch, tmp_path):
    monkeypatch.setattr(newlines.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(newlines, "_ALONE_BYTES", 1)
    rows = [b"%d" % number * (number % 300) or b"-" for number in range(40_000)]
    blank = b" \r\n\n"
    count, streamed, single = indexed(tmp_path / "large.jsonl", blank + b"\n".join(rows) + b"\n" + blank)
    assert count == len(rows) + 4
    assert streamed == single == rows


def test_that_closing_does_not_wait_for_the_hash(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"{}\n")
    has_begun = threading.Event()

    def hash_for_ever(_descriptor, size, on_progress):
        has_begun.set()
        while True:
            on_progress(0, size)

    monkeypatch.setattr(file_bytes, "hash_of_descriptor", hash_for_ever)
    file = FileBytes.open(path)
    file.hash_in_background()
    assert has_begun.wait(10)
    file.close()
