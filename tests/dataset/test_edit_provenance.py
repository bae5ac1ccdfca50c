"""What edited rows say of themselves once they are saved: when, by whom, by which step."""

from __future__ import annotations

import numpy as np
import pytest

from arny_studio.dataset import edit_provenance
from arny_studio.dataset.document import Document
from arny_studio.dataset.edit_provenance import OriginLog, edited_hashes
from arny_studio.dataset.edits import ApplyPatch, Change, InsertRow, RemoveRow, SetReview, SetRow
from arny_studio.dataset.patch_file import PatchWriter
from arny_studio.dataset.review import Review
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_state import FrozenRows, Insertion, Removal, Texts
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.dataset.text_store import AS_OPENED, TextStore
from arny_studio.dataset.undo import Step
from tests.dataset.documents import editing, row, rows_of, written


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    return written(tmp_path / "d.jsonl", [row(str(number)) for number in range(4)])


def edit(document):
    document.apply(Change("Accept", (SetReview(0, Review("accepted")),)))
    document.apply(Change("Mend", (SetRow(0, row("mended")), RemoveRow(3))))
    document.apply(Change("Add a row", (InsertRow(1, row("new")),)))


def test_that_saved_edits_say_when_by_whom_and_by_which_step_they_were_made(path):
    with editing(path) as document:
        edit(document)
        assert document.provenance_of(0) == {}
        document.save()
        told = document.provenance_of(0)
        assert (told["change"], told["by"], told["edited"][:2]) == ("Mend", "ada", "20")
        assert document.provenance_of(document.key_of(2))["change"] == "Add a row"
        assert document.provenance_of(1) == {} and document.review_of(0) == Review("accepted")
        document.apply(Change("Mend more", (SetRow(1, row("more")),)))
        document.save()
        assert document.provenance_of(0) == told and document.provenance_of(1)["change"] == "Mend more"
    document = Document.open(path, read_only=True)
    assert [document.provenance_of(key).get("change") for key in range(4)] == ["Mend", "Mend more", "Add a row", None]
    document.close()


def test_that_rows_saved_under_another_name_say_there_where_they_come_from(path, tmp_path):
    with editing(path) as document:
        document.apply(Change("Earlier", (SetRow(2, row("earlier")),)))
        document.save()
        edit(document)
        document.save_as(tmp_path / "other.jsonl")
        assert document.provenance_of(0)["change"] == "Mend" and document.provenance_of(2)["change"] == "Earlier"
    other = Document.open(tmp_path / "other.jsonl", read_only=True)
    assert [other.provenance_of(key).get("change") for key in range(4)] == ["Mend", None, "Add a row", "Earlier"]
    other.close()
    original = Document.open(path, read_only=True)
    assert [original.provenance_of(key).get("change") for key in range(4)] == [None, None, "Earlier", None]
    original.close()


def test_that_a_bulk_change_is_one_short_entry_for_all_its_rows(tmp_path):
    count = 20_000
    path = written(tmp_path / "d.jsonl", [row(str(number)) for number in range(count)])
    with editing(path) as document:
        patch = document.new_patch_path()
        with PatchWriter(patch) as writer:
            for key in range(count):
                writer.set(key, row(str(key)), row(f"new {key}"))
        document.apply(Change("Replace in 20,000 rows", (ApplyPatch(str(patch)),)))
        document.save()
        assert {document.provenance_of(key)["change"] for key in (0, 777, count - 1)} == {"Replace in 20,000 rows"}
        assert document.review.reviewed.size == 0
        assert Sidecar(path).origins.stat().st_size < 8 * count + 200
    assert rows_of(path)[5] == row("new 5")


def test_that_the_last_step_counts_and_rows_that_are_gone_or_as_opened_do_not():
    texts = TextStore()
    numbers = texts.add([row("a"), row("b"), row("c")])

    def step(serial, title, *operations):
        return Step(serial, title, operations)

    def texts_of(*keys):
        return Texts(np.array(keys), *2 * (np.zeros(len(keys), np.int64),))

    steps = [
        step(1, "first", texts_of(0, 1, 2)),
        step(2, "second", texts_of(1), Removal(np.array([0]), np.array([0]))),
        step(3, "third", Insertion(np.array([0]), np.array([9]), numbers[2:])),
        step(4, "first", texts_of(3)),
    ]
    rows = FrozenRows(np.array([9, 1, 2, 3]), np.array([numbers[2], numbers[1], AS_OPENED, numbers[0]]))
    found = {title: hashes.tolist() for title, hashes in edited_hashes(steps, rows, texts).items()}
    assert found == {"second": [row_hash(row("b"))], "third": [row_hash(row("c"))], "first": [row_hash(row("a"))]}
    assert edited_hashes([], rows, texts) == {}


def test_that_a_torn_or_overlong_log_keeps_what_is_whole_and_newest_and_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "origins"
    log = OriginLog(path)
    log.note({"one": np.array([5, 3], np.uint64), "two": np.array([7], np.uint64)})
    log.close()
    whole = path.read_bytes()
    for torn in (whole[:-1], whole + b'{"edited":', whole + b'{"rows":-1}\n', b"\x00" * 9):
        path.write_bytes(torn)
        assert OriginLog(path, read_only=True).of(3).get("change") == (None if torn[:1] == b"\x00" else "one")
        assert path.read_bytes() == torn
        log = OriginLog(path)
        log.note({"three": np.array([8], np.uint64)})
        log.close()
        assert OriginLog(path).of(8)["change"] == "three" and OriginLog(path).of(4) == {}
    path.write_bytes(whole)
    monkeypatch.setattr(edit_provenance, "MOST_HASHES", 2)
    assert (OriginLog(path).of(5), OriginLog(path).of(7)["change"]) == ({}, "two")
    assert len(path.read_bytes()) < len(whole)
