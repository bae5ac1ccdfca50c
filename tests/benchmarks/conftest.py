"""One gigabyte of router rows, made once for all measurements."""

from __future__ import annotations

import itertools

import orjson
import pytest

from arny_studio.dataset.generate.tier1 import generate_tier1

ROWS = 1_000_000
PADDED_BYTES = 1000  # a row with its line ending; what is missing to it goes into its meta


@pytest.fixture(scope="session")
def large_dataset(tmp_path_factory):
    """1,000,000 router rows of 1,000 bytes and more; ids differ, queries repeat every 5,000 rows."""
    path = tmp_path_factory.mktemp("large") / "router.jsonl"
    rows = [_padded(row) for row in generate_tier1(5000, seed=11)]
    with path.open("wb", buffering=1 << 20) as file:
        for number, (head, tail) in enumerate(itertools.islice(itertools.cycle(rows), ROWS)):
            file.write(b"%s%07d%s" % (head, number, tail))
    return path


def _padded(row):
    """The bytes in front of and behind the number in the row's id."""
    raw = orjson.dumps({**row, "id": "@@@@@@@", "meta": {**row.get("meta", {}), "padding": ""}})
    raw = raw.replace(b'"padding":""', b'"padding":"%s"' % (b"-" * max(0, PADDED_BYTES - 1 - len(raw))))
    head, tail = raw.split(b"@@@@@@@")
    return head, tail + b"\n"
