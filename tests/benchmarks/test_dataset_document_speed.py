"""Opening and saving a gigabyte, against what others need for the same file in the same run."""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
import subprocess
import sys

import orjson
import pytest

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import Change, SetRow
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.dataset.samples import Sample
from tests.benchmarks.timing import seconds, show

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

ROWS = 1_000_000
PADDED_BYTES = 1000  # a row with its line ending; what is missing to it goes into its meta
FIRST_ROWS = 50
_HEAP = """
import sys, tracemalloc
from pathlib import Path
from arny_studio.dataset.document import Document
tracemalloc.start()
document = Document.open(Path(sys.argv[1]))
rows = [document.sample(row) for row in range(50)]
document.saved_hash
print(document.row_count, tracemalloc.get_traced_memory()[1])
document.close()
"""


@pytest.fixture(scope="module")
def large_dataset(tmp_path_factory):
    """1,000,000 router rows of 1,000 bytes and more; ids differ, queries repeat every 5,000 rows."""
    path = tmp_path_factory.mktemp("large") / "router.jsonl"
    rows = [padded(row) for row in generate_tier1(5000, seed=11)]
    with path.open("wb", buffering=1 << 20) as file:
        for number, (head, tail) in enumerate(itertools.islice(itertools.cycle(rows), ROWS)):
            file.write(b"%s%07d%s" % (head, number, tail))
    return path


def padded(row):
    """The bytes in front of and behind the number in the row's id."""
    raw = orjson.dumps({**row, "id": "@@@@@@@", "meta": {**row.get("meta", {}), "padding": ""}})
    raw = raw.replace(b'"padding":""', b'"padding":"%s"' % (b"-" * max(0, PADDED_BYTES - 1 - len(raw))))
    head, tail = raw.split(b"@@@@@@@")
    return head, tail + b"\n"


def opened(path):
    """What stands between choosing a file and looking at it: the first rows and how many there are."""
    document = Document.open(path)
    first = [document.sample(row) for row in range(FIRST_ROWS)]
    count = document.row_count
    document.close()
    assert all(isinstance(sample, Sample) for sample in first)
    return count


def test_that_a_gigabyte_is_open_before_others_have_counted_it(large_dataset, tmp_path):
    import datasets
    import duckdb
    import polars

    datasets.disable_progress_bars()
    ours_s, count = seconds(lambda: opened(large_dataset), times=5)
    polars_s, by_polars = seconds(lambda: polars.scan_ndjson(large_dataset).select(polars.len()).collect().item())
    query = f"SELECT count(*) FROM read_json('{large_dataset}', format='newline_delimited')"
    duckdb_s, by_duckdb = seconds(lambda: duckdb.sql(query).fetchall()[0][0])
    datasets_s, loaded = seconds(
        lambda: datasets.load_dataset("json", data_files=str(large_dataset), split="train", cache_dir=str(tmp_path)), 1
    )
    assert count == by_polars == by_duckdb == len(loaded) == ROWS
    said = f"ours {ours_s:.3f} s, polars {polars_s:.3f} s, DuckDB {duckdb_s:.3f} s, datasets {datasets_s:.1f} s"
    show(f"open 1 GB: {said}")
    assert polars_s / ours_s >= 1.5, said
    assert duckdb_s / ours_s >= 3, said
    assert datasets_s / ours_s >= 15, said


def test_that_a_million_rows_are_open_in_less_than_64_mb(large_dataset):
    done = subprocess.run(
        [sys.executable, "-c", _HEAP, str(large_dataset)], capture_output=True, text=True, check=True
    )  # fmt: skip
    count, peak = map(int, done.stdout.split())
    show(f"own heap with 1,000,000 rows open: {peak / 1e6:.1f} MB")
    assert count == ROWS
    assert peak < 64e6


def test_that_saving_one_edit_costs_little_more_than_copying_the_file(large_dataset, tmp_path):
    path = tmp_path / "edited.jsonl"
    shutil.copyfile(large_dataset, path)
    copied, saved = [], []
    for number in range(3):
        copied.append(seconds(lambda: copy_and_sync(path, tmp_path / "copy.jsonl"), 1)[0])
        document = Document.open(path)
        document.apply(Change("Edit", (SetRow(500_000 + number, b'{"edited": true}'),)))
        document.flush()
        saved.append(seconds(document.save, 1)[0])
        document.close()
    with path.open("rb") as ours, large_dataset.open("rb") as original:
        changed = [n for n, pair in enumerate(zip(ours, original, strict=True)) if pair[0] != pair[1]]
    assert changed == [500_000, 500_001, 500_002]
    said = f"save {statistics.median(saved):.2f} s, cp and fsync {statistics.median(copied):.2f} s"
    show(f"one edit in 1 GB: {said}")
    assert statistics.median(saved) <= 1.5 * statistics.median(copied), said


def copy_and_sync(source, target):
    subprocess.run(["cp", "--reflink=never", source, target], check=True)
    descriptor = os.open(target, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)
    target.unlink()
