"""The scan of a whole file, its columns on disk, and the same columns while the document is edited."""

from __future__ import annotations

import numpy as np
import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.columns import Columns, LiveColumns
from arny_studio.dataset.looking import ScanStopped
from arny_studio.dataset.problem_listing import listed_problems
from arny_studio.dataset.problems import kinds_in, mask_of
from arny_studio.dataset.row_columns import CATEGORIES, DTYPES, GROUPS
from arny_studio.dataset.row_problems import Limits
from arny_studio.dataset.row_source import FileRows, SourceView
from arny_studio.dataset.scanning import ScanOptions, scan
from arny_studio.errors import BadInput, MissingFile
from tests.dataset.rows import conversation, decided, without, write_rows

CONTRACT = load_contract()
ROWS = (
    decided("hello"), b"{", decided("hello", direct_answer="Hi!"), decided("a"), decided("a"), without("intent", query="b"),
    decided("A ", primary_journey="hotel", journeys=["hotel"], intent="room"),
    conversation(("user", "Why is the sky blue in the day?"), ("assistant", "It scatters light, blue most of all.")),
    conversation(("user", "Why is the sky blue in the day?"), ("assistant", "It scatters light, blue most of al.")),
)  # fmt: skip


def scanned(path, **options):
    return scan(SourceView(path=str(path)), ScanOptions(processes=1, **options))


def ids(columns, row):
    return {kind.id for kind in kinds_in(int(columns.array("problems")[row]))}


@pytest.fixture
def path(tmp_path):
    return write_rows(tmp_path / "d.jsonl", *ROWS)


def same(first, second):
    assert first.row_count == second.row_count
    for name in (*DTYPES, *GROUPS):
        if name in CATEGORIES:
            words = [(*source.vocabulary(name), "") for source in (first, second)]
            left, right = (
                [vocabulary[code] for code in source.array(name)]
                for vocabulary, source in zip(words, (first, second), strict=True)
            )
            assert left == right, name
        else:
            assert np.array_equal(
                first.array(name), second.array(name), equal_nan=name in ("complexity", "confidence")
            ), name


def test_that_a_scan_knows_rows_by_themselves_and_by_each_other(path):
    columns = scanned(path, near_duplicates=True)
    found = [ids(columns, row) for row in range(len(ROWS))]
    assert found == [
        set(), {"unreadable"}, {"near-duplicate"}, {"contradiction"}, {"duplicate", "contradiction"}, {"missing-field"},
        {"near-duplicate", "contradiction"}, set(), {"near-duplicate"},
    ]  # fmt: skip
    assert columns.array("duplicate_of").tolist() == [-1, -1, -1, -1, 3, -1, -1, -1, -1]
    assert columns.array("contradiction_group").tolist() == [-1, -1, -1, 3, 3, -1, 3, -1, -1]
    assert columns.array("near_group").tolist()[-2:] == [7, 7]
    summary = columns.summary
    assert (summary.rows, summary.usable, summary.errors, summary.warnings, summary.notes) == (9, 5, 4, 2, 3)
    assert summary.by_kind["contradiction"] == 3
    words = columns.vocabulary("journey")
    assert [words[code] if code >= 0 else "" for code in columns.array("journey")] == [
        "general", "", "general", "general", "general", "general", "hotel", "", ""
    ]  # fmt: skip


def test_that_several_processes_see_what_one_sees(tmp_path):
    rows = [decided(f"query {n % 4000}", intent=f"intent_{n % 37}") for n in range(9_001)]
    path = write_rows(tmp_path / "d.jsonl", *rows)
    told = []
    view, options = SourceView(path=str(path)), ScanOptions(processes=2)
    columns = scan(view, options, on_progress=lambda part, done, total: told.append((done, total)))
    same(columns, scanned(path))
    assert told[-1] == (9_001, 9_001)


def test_that_a_scan_can_be_stopped_in_one_process_and_in_several(tmp_path):
    path = write_rows(tmp_path / "d.jsonl", *[decided(f"q{n}") for n in range(5_000)])
    for processes in (1, 2):
        with pytest.raises(ScanStopped):
            scan(SourceView(path=str(path)), ScanOptions(processes=processes), should_stop=lambda: True)


def test_that_rows_asked_for_in_another_file_leak(path, tmp_path):
    other = write_rows(tmp_path / "test.jsonl", decided("HELLO"), decided("nothing else"))
    columns = scanned(path, against=str(other))
    assert [row for row in range(len(ROWS)) if "leak" in ids(columns, row)] == [0, 2]


def test_that_limits_of_length_mark_the_rows_that_are_cut(path):
    columns = scanned(path, limits=Limits(max_characters=60))
    lengths = columns.array("characters")
    assert [("truncated" in ids(columns, row)) == (lengths[row] > 60) for row in range(len(ROWS))] == [True] * len(ROWS)


def test_that_uneven_journeys_are_told_of_and_even_ones_are_not(tmp_path):
    rows = [decided(f"q{n}") for n in range(190)] + [
        decided(f"h{n}", primary_journey="hotel", journeys=["hotel"]) for n in range(10)
    ]
    said = " ".join(scanned(write_rows(tmp_path / "d.jsonl", *rows)).summary.imbalance)
    assert "95% of the rows are routed to general" in said and "No row is routed to youtube" in said
    even = [
        decided(f"{name}{n}", primary_journey=name, journeys=[name]) for n in range(15) for name in CONTRACT.journeys
    ]
    assert scanned(write_rows(tmp_path / "e.jsonl", *even)).summary.imbalance == ()


def test_that_columns_come_back_from_the_disk_and_damage_is_said(path, tmp_path):
    columns = scanned(path)
    folder = tmp_path / "columns"
    columns.save(folder)
    opened = Columns.open(folder)
    same(columns, opened)
    assert opened.summary == columns.summary and opened.state.content_hash
    assert opened.keys.tolist() == list(range(len(ROWS)))
    np.save(folder / "turns.npy", np.zeros(3, np.uint32))
    with pytest.raises(BadInput, match="not whole"):
        Columns.open(folder)
    with pytest.raises(MissingFile):
        Columns.open(tmp_path)


def test_that_an_empty_file_has_empty_columns(tmp_path):
    columns = scanned(write_rows(tmp_path / "d.jsonl"), near_duplicates=True)
    columns.save(tmp_path / "columns")
    assert Columns.open(tmp_path / "columns").row_count == 0
    assert LiveColumns(columns).array("problems").tolist() == []


def test_that_live_columns_are_those_of_a_fresh_scan_of_the_edited_rows(path, tmp_path):
    checker = RowChecker(CONTRACT)
    live = LiveColumns(scanned(path))
    assert live.array("problems") is live.array("problems")
    edited = {1: decided("a", intent="brand_new"), 4: decided("now different")}
    live.update({key: checker.columns_of(raw) for key, raw in edited.items()})
    rows = [edited.get(key, raw) for key, raw in enumerate(ROWS)]
    same(live, scanned(write_rows(tmp_path / "edited.jsonl", *rows)))
    live.follow(np.array([6, 9, 0, 1, 3]))
    inserted = conversation(("user", "new"), ("assistant", "row"))
    live.update({9: checker.columns_of(inserted)})
    fresh = scanned(write_rows(tmp_path / "moved.jsonl", ROWS[6], inserted, ROWS[0], edited[1], ROWS[3]))
    keys = np.array([6, 9, 0, 1, 3])
    assert live.array("problems").tolist() == fresh.array("problems").tolist()
    assert live.array("turns").tolist() == fresh.array("turns").tolist()
    groups = fresh.array("contradiction_group")
    assert live.array("contradiction_group").tolist() == np.where(groups >= 0, keys[groups], -1).tolist()


def test_that_the_list_of_problems_says_every_marked_row_and_no_other(path, tmp_path):
    other = write_rows(tmp_path / "test.jsonl", decided("hello"))
    options = ScanOptions(near_duplicates=True, against=str(other))
    columns = scanned(path, near_duplicates=True, against=str(other))
    problems = list(listed_problems(FileRows.open(path), columns, options, file="d.jsonl"))
    assert [(problem.line, problem.rule) for problem in problems] == [
        (1, "leak"), (2, "unreadable"), (3, "near-duplicate"), (3, "leak"), (4, "contradiction"), (5, "duplicate"),
        (5, "contradiction"), (6, "missing-field"), (7, "near-duplicate"), (7, "contradiction"), (9, "near-duplicate"),
    ]  # fmt: skip
    assert "line 4" in problems[5].sentence and "test.jsonl" in problems[0].sentence
    only = list(listed_problems(FileRows.open(path), columns, options, kinds=mask_of("duplicate")))
    assert [problem.line for problem in only] == [5]


def test_that_blank_lines_and_a_byte_order_mark_are_no_rows_and_lines_are_counted_on(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + decided("a") + b"\r\n\r\n  \n" + decided("b") + b"\n" + b"{")
    rows = FileRows.open(path)
    assert [rows.line_number(row) for row in range(rows.row_count)] == [1, 4, 5]
    assert list(rows.rows(1)) == [decided("b"), b"{"]
    assert list(rows.rows(0, 2)) == [rows.raw(0), rows.raw(1)]
    assert scanned(path).summary.by_kind == {"unreadable": 1}
