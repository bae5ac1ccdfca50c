"""Another program writes the file under edits made here: it is found by content, and nobody's rows are lost."""

from __future__ import annotations

import os

import pytest

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import ApplyPatch, Change, InsertRow, RemoveRow, SetRow
from arny_studio.dataset.outside_changes import merge_kept, merged, take_theirs
from arny_studio.dataset.patch_file import PatchWriter
from arny_studio.dataset.saving import OutsideChange
from tests.dataset.documents import editing, row, rows_of, set_row, written

ROWS = [row(letter) for letter in "abcdef"]


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "d.jsonl", ROWS)


def replace(path, rows):
    """As editors and git do: another file takes the name."""
    other = path.with_suffix(".new")
    written(other, rows)
    other.replace(path)


def test_that_a_mere_touch_is_no_change(path):
    with editing(path) as document:
        document.apply(set_row(0, row("A")))
        content = path.read_bytes()
        replace(path, content.splitlines())
        os.utime(path, ns=(1, 1))
        assert document.outside_change() is None
        document.save()
    assert rows_of(path) == [row("A"), *ROWS[1:]]


def test_that_a_changed_file_is_not_overwritten_but_on_request_and_stays_as_a_snapshot(path):
    theirs = [*ROWS, row("theirs")]
    with editing(path) as document:
        document.apply(set_row(0, row("A")))
        replace(path, theirs)
        with pytest.raises(OutsideChange, match="changed by another program"):
            document.save()
        assert rows_of(path) == theirs
        document.save(on_outside="keep_mine")
        [snapshot] = document.snapshots.all()
        assert rows_of(document.snapshots.content(snapshot)) == theirs
    assert rows_of(path) == [row("A"), *ROWS[1:]]


def test_that_a_removed_file_is_said_and_can_be_written_again(path):
    with editing(path) as document:
        document.apply(set_row(0, row("A")))
        path.unlink()
        with pytest.raises(OutsideChange, match="is gone") as caught:
            document.save()
        assert caught.value.is_gone
        document.save(on_outside="keep_mine")
    assert rows_of(path) == [row("A"), *ROWS[1:]]


def test_that_rows_overwritten_in_place_cannot_be_kept_and_nothing_is_written(path):
    with editing(path) as document:
        document.apply(set_row(0, row("A")))
        written(path, [row("other")] * 6)
        with pytest.raises(OutsideChange) as caught:
            document.save(on_outside="keep_mine")
        assert caught.value.is_in_place
    assert rows_of(path) == [row("other")] * 6


def test_that_a_file_cut_short_under_a_document_reads_short_and_kills_nobody(path):
    with editing(path) as document:
        os.truncate(path, 10)
        assert document.raw(5) == b""
        assert document.row_count == 6


def test_that_taking_theirs_keeps_mine_as_a_snapshot(path):
    document = Document.open(path)
    document.apply(set_row(0, row("A")))
    replace(path, ROWS[:2])
    document = take_theirs(document)
    assert list(document.rows()) == ROWS[:2]
    [snapshot] = document.snapshots.all()
    assert rows_of(document.snapshots.content(snapshot)) == [row("A"), *ROWS[1:]]
    document.close()


@pytest.mark.parametrize("overwrite", [replace, written], ids=["replaced", "in place"])
def test_that_edits_on_rows_that_stayed_are_merged_wherever_these_went(path, overwrite):
    document = Document.open(path)
    document.apply(Change("mine", (SetRow(1, row("B")), RemoveRow(2), InsertRow(5, row("new")))))
    overwrite(path, [row("first"), *ROWS, row("last")])
    document, report = merged(document)
    assert (report.merged, len(report.conflicts)) == (3, 0)
    assert list(document.rows()) == [row("first"), row("a"), row("B"), *ROWS[3:], row("new"), row("last")]
    assert document.undo() == "Merge with the file as it is now"
    assert document.row_count == 8
    document.close(discard=True)


def test_that_a_row_changed_on_both_sides_is_kept_in_both_versions_and_flagged(path):
    document = Document.open(path)
    document.apply(Change("mine", (SetRow(1, row("mine")), RemoveRow(2))))
    replace(path, [row("a"), row("theirs"), row("c changed"), *ROWS[3:]])
    document, report = merged(document)
    assert list(document.rows()) == [row("a"), row("theirs"), row("mine"), row("c changed"), *ROWS[3:]]
    assert (report.merged, report.kept_by_them) == (0, 1)
    assert "1 rows were changed on both sides" in report.sentence
    [key] = report.conflicts.tolist()
    assert document.review_of(key).status == "flagged"
    document.close(discard=True)


def test_that_what_was_saved_before_is_not_merged_again(path):
    document = Document.open(path)
    document.apply(set_row(0, row("A")))
    document.save()
    document.apply(set_row(0, row("AA")))
    document.apply(set_row(3, row("D")))
    replace(path, [row("A"), *ROWS[1:], row("theirs")])
    document, report = merged(document)
    assert report.merged == 2
    assert list(document.rows()) == [row("AA"), *ROWS[1:3], row("D"), *ROWS[4:], row("theirs")]
    document.close(discard=True)


def test_that_edits_left_by_a_crash_do_not_go_into_a_file_that_changed_but_can_be_merged(path, tmp_path):
    document = Document.open(path)
    with PatchWriter(tmp_path / "p.patch") as patch:
        for key, raw in enumerate(ROWS):
            patch.set(key, raw, raw.upper())
    document.apply(Change("Upper case", (ApplyPatch(str(tmp_path / "p.patch")),)))
    document.apply(set_row(0, row("A")))
    document.close()  # unsaved: the journal stays, as after a crash
    theirs = [*ROWS[:3], row("theirs"), *ROWS[3:5]]
    replace(path, theirs)
    with editing(path) as document:
        recovery = document.recovery
        assert recovery is not None and recovery.kept is not None
        assert "changed by another program after 2 changes" in recovery.sentence
        assert list(document.rows()) == theirs
        assert not document.is_changed
        report = merge_kept(document, recovery.kept)
        assert (report.merged, len(report.conflicts)) == (5, 1)
        upper = [raw.upper() for raw in ROWS]
        assert list(document.rows()) == [row("A"), *upper[1:3], row("theirs"), *upper[3:5], upper[5]]
        assert not recovery.kept.exists()
