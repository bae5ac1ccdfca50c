"""Hostile files and small documents that the tests of the dataset document share."""

from __future__ import annotations

import json
from contextlib import contextmanager

from hypothesis import strategies as st

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import Change, InsertRow, RemoveRow, SetRow

BOM = b"\xef\xbb\xbf"


def row(text="hi", **more):
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "hello"}]
    return json.dumps({**more, "messages": turns}).encode()


def written(path, rows, ending=b"\n"):
    path.write_bytes(b"".join(text + ending for text in rows))
    return path


@contextmanager
def editing(path):
    """A document that is closed, and its edits dropped, whatever happens."""
    document = Document.open(path)
    try:
        yield document
    finally:
        document.close(discard=True)


def rows_of(path):
    document = Document.open(path, read_only=True)
    try:
        return list(document.rows())
    finally:
        document.close()


def set_row(key, raw, title="Edit a row"):
    return Change(title, (SetRow(key, raw),))


TEXTS = st.sampled_from(
    [row(), b"{}", b'{"a": 1, "a": 2}', b'{"x": NaN}', b"\xff\xfe{", b"{broken", b' \t{"a": 1}  ', b"\xc3\xa9", b"5", b"\r x"]
) | st.binary(min_size=1, max_size=30).filter(
    lambda raw: b"\n" not in raw and raw.removeprefix(BOM).strip()
)  # fmt: skip
LINES = st.lists(
    st.tuples(TEXTS | st.sampled_from([b"", b"  ", b"\t"]), st.sampled_from([b"\n", b"\r\n"])), max_size=12
)
FILES = st.builds(
    lambda mark, lines, tail: mark + b"".join(text + ending for text, ending in lines) + tail,
    st.sampled_from([b"", BOM]), LINES, st.sampled_from([b"", b"{}", b" ", b"\r", b'{"last": true}\r']),
)  # fmt: skip


def edits(document, draw):
    """A few edits that fit the document as it is now, drawn by Hypothesis."""
    keys = document.keys.tolist()
    kinds = ["insert"] + (["set", "set", "remove"] if keys else [])
    found, gone = [], set()
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        left = [key for key in keys if key not in gone]
        if kind == "insert" or not left:
            found.append(InsertRow(draw(st.sampled_from([-1, *left])), draw(TEXTS)))
        elif kind == "set":
            found.append(SetRow(draw(st.sampled_from(left)), draw(TEXTS)))
        else:
            gone.add(key := draw(st.sampled_from(left)))
            found.append(RemoveRow(key))
    return tuple(found)
