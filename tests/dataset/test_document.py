"""Opened, edited, undone, saved and opened again: no byte is touched that nobody edited, and no edit is lost."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import ApplyPatch, Change, InsertRow, RemoveRow, SetReview, SetRow, StaleChange
from arny_studio.dataset.patch_file import PatchWriter
from arny_studio.dataset.review import Review
from arny_studio.errors import BadInput
from tests.dataset.documents import BOM, FILES, editing, edits, row, rows_of, set_row, written


@pytest.fixture
def opened(tmp_path):
    document = Document.open(written(tmp_path / "d.jsonl", [row("a"), row("b"), row("c")]))
    yield document
    document.close(discard=True)


@settings(deadline=None, max_examples=60)
@given(content=FILES, data=st.data())
def test_that_edits_of_hostile_files_survive_saving_and_can_all_be_undone(folder, content, data):
    path = folder / "d.jsonl"
    path.write_bytes(content)
    with editing(path) as document:
        states = [list(document.rows())]
        for number in range(data.draw(st.integers(1, 4))):
            document.apply(Change(f"change {number}", edits(document, data.draw)))
            states.append(list(document.rows()))
        assert document.save().size == path.stat().st_size
        assert rows_of(path) == states[-1]
        for number in reversed(range(len(states) - 1)):
            assert document.undo() == f"change {number}"
            assert list(document.rows()) == states[number]
        document.save()
        assert path.read_bytes() == content
        while document.redo():
            pass
        assert list(document.rows()) == states[-1]
    assert path.read_bytes() == content


@settings(deadline=None, max_examples=40)
@given(content=FILES, data=st.data())
def test_that_one_edited_row_changes_only_its_own_line(folder, content, data):
    path = folder / "one.jsonl"
    path.write_bytes(content)
    with editing(path) as document:
        if not document.row_count:
            return
        place = data.draw(st.integers(0, document.row_count - 1))
        line = document.line_number(place) - 1
        document.apply(set_row(document.key_of(place), b'{"edited": true}'))
        document.save()
    before, after = content.split(b"\n"), path.read_bytes().split(b"\n")
    mark = BOM if line == 0 and content.startswith(BOM) else b""
    assert [number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [line]
    assert after[line] == mark + b'{"edited": true}' + (b"\r" if before[line].endswith(b"\r") else b"")


@settings(deadline=None, max_examples=40)
@given(content=FILES, data=st.data())
def test_that_a_worker_sees_the_rows_as_the_window_shows_them_also_after_a_save(folder, content, data):
    path = folder / "viewed.jsonl"
    path.write_bytes(content)
    with editing(path) as document:
        for _ in range(3):
            document.apply(Change("change", edits(document, data.draw)))
            if data.draw(st.booleans()):
                document.save()
            if data.draw(st.booleans()):
                document.undo()
            view = Document.open_view(document.view())
            assert list(view.rows()) == list(document.rows())
            assert view.keys.tolist() == document.keys.tolist()
            view.close()


def test_that_a_file_saved_unedited_is_not_even_written(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_bytes(BOM + row() + b"\r\n\n\xff\n" + row())
    before = path.stat()
    document = Document.open(path)
    assert not document.save().is_new
    document.close()
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino
    assert not (tmp_path / ".arny").exists()


def test_that_rows_keep_their_keys_when_others_come_and_go(opened):
    inserted = opened.apply(Change("more", (InsertRow(0, b'{"n": 1}'), InsertRow(0, b'{"n": 2}'), RemoveRow(1))))
    assert inserted.tolist() == [3, 4]
    assert opened.keys.tolist() == [0, 3, 4, 2]
    assert [opened.row_of(key) for key in range(5)] == [0, -1, 3, 1, 2]
    opened.save()
    assert opened.keys.tolist() == [0, 3, 4, 2]
    opened.undo()
    assert opened.keys.tolist() == [0, 1, 2]
    assert opened.raw_of(3) == b'{"n": 1}'


def test_that_undo_reaches_back_over_a_save_and_says_when_the_file_is_as_saved(opened):
    opened.apply(set_row(0, row("x"), "first"))
    assert opened.is_changed
    opened.save()
    assert not opened.is_changed
    opened.apply(set_row(1, row("y"), "second"))
    assert (opened.undo_title, opened.redo_title) == ("second", None)
    opened.undo()
    assert not opened.is_changed
    assert opened.undo() == "first"
    assert opened.is_changed
    assert opened.raw(0) == row("a")
    assert opened.redo() == "first"
    assert not opened.is_changed


def test_that_typing_is_one_step_until_another_row_or_a_save_comes_between(opened):
    for text in ("h", "he", "hey"):
        opened.apply(set_row(0, row(text), "Type"), join=True)
    assert opened.step_titles == ["Type"]
    opened.apply(set_row(1, row("o"), "Type"), join=True)
    opened.save()
    opened.apply(set_row(1, row("ok"), "Type"), join=True)
    assert opened.step_titles == ["Type"] * 3
    opened.undo()
    opened.undo()
    opened.undo()
    assert list(opened.rows()) == [row("a"), row("b"), row("c")]


def test_that_a_change_is_done_as_a_whole_or_not_at_all(opened):
    for bad in (SetRow(9, b"{}"), RemoveRow(-4), SetRow(0, b"{}\n{}"), SetRow(0, b"  "), InsertRow(7, b"{}")):
        with pytest.raises(BadInput):
            opened.apply(Change("bad", (SetRow(0, b'{"x": 1}'), InsertRow(0, b"{}"), bad)))
    assert list(opened.rows()) == [row("a"), row("b"), row("c")]
    assert (opened.version, opened.undo_title) == (0, None)
    assert opened.apply(Change("good", (InsertRow(0, b"{}"),))).tolist() == [3]


def test_that_a_change_prepared_for_an_older_version_is_refused(opened):
    prepared = opened.version
    opened.apply(set_row(0, row("x")))
    with pytest.raises(StaleChange, match="was edited while “bulk” was prepared"):
        opened.apply(Change("bulk", (RemoveRow(1),), version=prepared))


def test_that_a_patch_of_many_rows_is_one_step_and_survives_in_the_journal(tmp_path):
    path = written(tmp_path / "many.jsonl", [row(str(n)) for n in range(5000)])
    document = Document.open(path)
    with PatchWriter(tmp_path / "p.patch") as patch:
        for key, raw in enumerate(document.rows()):
            if key % 2:
                patch.set(key, raw, raw.replace(b"hello", b"bye"))
            elif key % 10 == 0:
                patch.remove(key, raw)
        patch.insert(-1, b'{"first": 1}')
        patch.insert(4999, b'{"last": 1}')
    document.apply(Change("Replace", (ApplyPatch(str(tmp_path / "p.patch")),)))
    rows = list(document.rows())
    assert len(rows) == document.row_count == 5000 - 500 + 2
    assert (rows[0], rows[-1]) == (b'{"first": 1}', b'{"last": 1}')
    assert sum(b"bye" in raw for raw in rows) == 2500
    view = Document.open_view(document.view())
    assert list(view.rows()) == rows
    view.close()
    document.save()
    assert rows_of(path) == rows
    assert document.undo() == "Replace"
    assert document.row_count == 5000
    document.close(discard=True)


def test_that_an_altered_patch_is_refused_and_changes_nothing(opened, tmp_path):
    with PatchWriter(tmp_path / "p.patch") as patch:
        patch.set(0, row("a"), row("z"))
    damaged = bytearray((tmp_path / "p.patch").read_bytes())
    damaged[-60] ^= 1
    (tmp_path / "bad.patch").write_bytes(damaged)
    with pytest.raises(BadInput, match="damaged"):
        opened.apply(Change("bulk", (ApplyPatch(str(tmp_path / "bad.patch")),)))
    assert opened.raw(0) == row("a")


def test_that_some_entries_of_a_patch_can_be_applied_without_the_others(opened, tmp_path):
    with PatchWriter(tmp_path / "p.patch") as patch:
        for key, raw in enumerate(list(opened.rows())):
            patch.set(key, raw, row(f"new {key}"))
    from arny_studio.dataset.patch_file import PatchFile

    whole = PatchFile(tmp_path / "p.patch")
    whole.write_subset(np.array([True, False, True]), tmp_path / "some.patch")
    assert (whole.counts().changed, whole.text(1)) == (3, row("new 1"))
    whole.close()
    opened.apply(Change("bulk", (ApplyPatch(str(tmp_path / "some.patch")),)))
    assert list(opened.rows()) == [row("new 0"), row("b"), row("new 2")]


def test_that_reviews_are_undone_with_the_rest_and_never_change_the_file(opened):
    opened.apply(Change("Accept", (SetReview(0, Review("accepted")), SetReview(1, Review("accepted", ("good",))))))
    assert not opened.is_changed
    opened.apply(set_row(1, row("b, edited")))
    assert opened.review_of(1) == Review("accepted", ("good",))
    opened.apply(Change("Reject", (SetReview(1, Review("rejected")),)))
    opened.undo()
    assert opened.review_of(1).status == "accepted"
    opened.undo()
    opened.undo()
    assert (opened.review_of(0), opened.raw(1)) == (Review(), row("b"))
    opened.redo()
    assert opened.review_of(0).status == "accepted"


def test_that_listeners_hear_which_rows_a_step_touched(opened):
    heard = []
    opened.on_changed = heard.append
    opened.apply(Change("mixed", (SetRow(2, b"{}"), InsertRow(-1, b"{}"))))
    opened.apply(Change("Flag", (SetReview(1, Review("flagged")),)))
    opened.undo()
    assert [(touched.keys.tolist(), touched.structure, touched.review) for touched in heard] == [
        ([2, 3], True, False), ([1], False, True), ([1], False, True),
    ]  # fmt: skip


def test_that_a_row_of_64_mb_is_opened_edited_and_saved(tmp_path):
    path = tmp_path / "long.jsonl"
    long = json.dumps({"text": "x" * (64 << 20)}).encode()
    written(path, [row("a"), long, row("c")])
    document = Document.open(path)
    assert document.row_count == 3
    assert document.raw(1) == long
    document.apply(set_row(1, long.replace(b"xx", b"yy", 1)))
    document.save()
    document.close()
    assert path.read_bytes() == row("a") + b"\n" + long.replace(b"xx", b"yy", 1) + b"\n" + row("c") + b"\n"


def test_that_line_numbers_are_those_of_the_file_as_it_would_be_saved(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_bytes(b"{}\n\n\n[]\n5")
    document = Document.open(path)
    document.apply(Change("insert", (InsertRow(0, b'"new"'), InsertRow(2, b'"end"'))))
    numbered = {document.raw(place): document.line_number(place) for place in range(document.row_count)}
    document.save()
    lines = path.read_bytes().split(b"\n")
    document.close()
    assert {raw: lines.index(raw) + 1 for raw in numbered} == numbered
