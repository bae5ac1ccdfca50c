"""What was edited before a crash is there again; what cannot be is told; two windows never write to one file."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import Change, InsertRow, RemoveRow, SetReview
from arny_studio.dataset.journal import read_journal
from arny_studio.dataset.review import Review
from arny_studio.dataset.sidecar import Sidecar, WriteLock
from arny_studio.errors import BadInput, DiskFull
from tests.dataset.documents import editing, row, rows_of, set_row, written

ROWS = [row(letter) for letter in "abc"]


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "d.jsonl", ROWS)


def edited(path):
    document = Document.open(path)
    document.apply(set_row(0, row("A"), "first"))
    document.apply(Change("second", (RemoveRow(1), InsertRow(2, row("new")))))
    return document


def test_that_unsaved_edits_are_restored_with_their_undo_steps(path):
    edited(path).close()
    with editing(path) as document:
        assert document.recovery is not None
        assert (document.recovery.restored, document.is_changed) == (2, True)
        assert "2 changes from the last session restored" in document.recovery.sentence
        assert list(document.rows()) == [row("A"), row("c"), row("new")]
        assert (document.undo(), document.undo()) == ("second", "first")
        assert list(document.rows()) == ROWS
        assert not document.is_changed
    assert rows_of(path) == ROWS


def test_that_undone_steps_are_restored_as_undone(path):
    document = edited(path)
    document.undo()
    document.close()
    with editing(path) as document:
        assert list(document.rows()) == [row("A"), *ROWS[1:]]
        assert document.redo() == "second"


def test_that_edits_after_a_save_are_restored_over_it(path):
    document = edited(path)
    document.save()
    document.apply(set_row(2, row("C"), "third"))
    document.close()
    with editing(path) as document:
        assert document.recovery is not None and document.recovery.restored == 1
        assert list(document.rows()) == [row("A"), row("C"), row("new")]
        document.undo()
        assert not document.is_changed
        document.undo()
        document.undo()
        assert list(document.rows()) == ROWS


@pytest.mark.parametrize("discard", [False, True])
def test_that_nothing_stays_behind_when_all_is_saved_or_unwanted(path, discard):
    document = edited(path)
    if not discard:
        document.save()
    document.close(discard=discard)
    left = {found.name for found in path.parent.rglob("*") if found.is_file()}
    assert not left & {"journal", "base", "lock"}
    with editing(path) as document:
        assert document.recovery is None
        assert (list(document.rows()) == ROWS) == discard


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_that_a_torn_end_of_the_journal_costs_only_the_change_it_tore(path, cut):
    edited(path).close()
    journal = Sidecar(path).journal
    os.truncate(journal, journal.stat().st_size - cut)
    with editing(path) as document:
        assert list(document.rows()) == [row("A"), *ROWS[1:]]
        document.apply(set_row(1, row("B")))
        document.flush()
        contents = read_journal(journal)
        assert contents is not None and contents.whole_bytes == journal.stat().st_size


def test_that_a_journal_of_noise_is_dropped(path):
    journal = Sidecar(path).journal
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"arny-journal 1\n" + os.urandom(200))
    with editing(path) as document:
        assert (document.recovery, list(document.rows())) == (None, ROWS)


def test_that_nothing_beside_a_dataset_can_be_taken_for_one(path):
    with editing(path) as document:
        document.apply(Change("Flag", (SetReview(0, Review("flagged")),)))
        document.apply(set_row(0, row("x")))
        document.save()
        document.apply(set_row(0, row("y")))
        assert Sidecar(path).reviews.is_file()
        assert list(path.parent.rglob("*.jsonl")) == [path]


def test_that_what_a_killed_save_left_is_cleared_away(path):
    litter = path.parent / f".{path.name}.abc.saving"
    litter.write_bytes(b"half")
    with editing(path):
        assert not litter.exists()


def test_that_a_second_window_may_only_look_and_is_told_whose_it_is(path):
    with editing(path) as first, editing(path) as second:
        assert not first.is_read_only
        assert second.is_read_only
        assert second.locked_by == os.getpid()
        with pytest.raises(BadInput, match=f"process {os.getpid()} has it open"):
            second.apply(set_row(0, row("x")))
        first.apply(set_row(0, row("x")))
        assert second.raw(0) == row("a")
    with editing(path) as third:
        assert not third.is_read_only


def test_that_a_lock_dies_with_its_process(path):
    code = (
        "import os, sys; from pathlib import Path; from arny_studio.dataset.document import Document\n"
        "document = Document.open(Path(sys.argv[1])); print('open', flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("open\n", -9)
    with editing(path) as document:
        assert not document.is_read_only


def test_that_two_names_of_a_file_share_one_lock(path, tmp_path):
    link = tmp_path / "elsewhere" / "link.jsonl"
    link.parent.mkdir()
    link.symlink_to(path)
    with editing(path), editing(link) as second:
        assert second.is_read_only


def test_that_a_symlink_is_followed_and_the_mode_is_kept(path, tmp_path):
    path.chmod(0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with editing(link) as document:
        document.apply(set_row(0, row("x")))
        document.save()
    assert link.is_symlink()
    assert rows_of(path) == [row("x"), *ROWS[1:]]
    assert path.stat().st_mode & 0o777 == 0o640


def test_that_saving_under_another_name_goes_on_there_with_undo_and_leaves_the_original(path, tmp_path):
    document = edited(path)
    other = tmp_path / "other.jsonl"
    document.save_as(other)
    assert rows_of(path) == ROWS
    assert rows_of(other) == [row("A"), row("c"), row("new")]
    assert (document.path, document.is_changed, document.undo_title) == (other, False, "second")
    document.apply(set_row(2, row("C")))
    with editing(path) as original:
        assert not original.is_read_only
        assert original.recovery is None
    document.close()
    with editing(other) as document:
        assert list(document.rows()) == [row("A"), row("C"), row("new")]
        document.undo()
        document.undo()
        document.undo()
        assert list(document.rows()) == ROWS


def test_that_a_file_open_in_another_window_is_not_overwritten_by_saving_under_its_name(path, tmp_path):
    other = written(tmp_path / "other.jsonl", [row("z")])
    with editing(other), editing(path) as document:
        with pytest.raises(BadInput, match="open in another window"):
            document.save_as(other)
        assert not document.is_read_only
    assert rows_of(other) == [row("z")]


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import Change, SetRow
from arny_studio.errors import DiskFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
document = Document.open(path)
document.apply(Change("grow", (SetRow(0, b'{"x": "' + b"y" * 200_000 + b'"}'),)))
resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000))
try:
    document.save()
except DiskFull as error:
    print(error.sentence, error.hint)
document.close()
"""


def test_that_a_full_disk_leaves_the_original_whole_and_says_what_is_missing_and_where_the_edits_are(tmp_path):
    path = written(tmp_path / "d.jsonl", [row("x" * 1000)] * 100)
    before = path.read_bytes()
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True)
    assert "bytes are missing to save d.jsonl. The file is as it was." in done.stdout, done.stderr
    assert "Your edits are kept in" in done.stdout
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*.saving"))
    with editing(path) as document:
        assert document.recovery is not None and document.recovery.restored == 1


def test_that_the_missing_bytes_are_counted_before_anything_is_written(path, monkeypatch):
    real = os.statvfs(path)
    scarce = os.statvfs_result((real.f_bsize, 1, real.f_blocks, 0, 0, *real[5:10]))
    with editing(path) as document:
        document.apply(set_row(0, row("x")))
        monkeypatch.setattr(os, "statvfs", lambda _: scarce)
        with pytest.raises(DiskFull, match=f"{path.stat().st_size} bytes are missing"):
            document.save()
        monkeypatch.undo()
        document.save()
    assert rows_of(path)[0] == row("x")


_UNWRITABLE = """
import fcntl  # before the rights go that may be needed to find it
import os, sys
from pathlib import Path
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import Change, SetRow
from arny_studio.errors import ArnyError
path = Path(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)
document = Document.open(path)
document.apply(Change("edit", (SetRow(0, b'{"x": 1}'),)))
try:
    document.save()
except ArnyError as error:
    print(error.sentence, error.hint)
document.close()
document = Document.open(path)
print(document.recovery.restored, document.sidecar.folder)
"""


def test_that_a_folder_that_cannot_be_written_keeps_the_file_and_the_edits_go_to_the_workspace(folder):
    folder.chmod(0o755)
    closed, workspace = folder / "closed", folder / "workspace"
    closed.mkdir()
    path = written(closed / "d.jsonl", ROWS)
    workspace.mkdir(mode=0o777)
    workspace.chmod(0o777)
    closed.chmod(0o555)
    environment = os.environ | {"ARNY_WORKSPACE": str(workspace)}
    done = subprocess.run([sys.executable, "-c", _UNWRITABLE, path], capture_output=True, text=True, env=environment)
    closed.chmod(0o755)
    assert f"cannot be saved in {closed}: Permission denied. The file is as it was." in done.stdout, done.stderr
    assert f"Your edits are kept in {workspace}/sidecars/d.jsonl-" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"1 {workspace}/sidecars/")
    assert rows_of(path) == ROWS


def test_that_edits_go_on_and_it_is_said_when_the_journal_cannot_be_written(path):
    with editing(path) as document:
        Sidecar(path).journal.mkdir()
        document.apply(set_row(0, row("x")))
        assert document.journal_problem is not None and "cannot be written" in document.journal_problem
        assert document.raw(0) == row("x")
        Sidecar(path).journal.rmdir()


def test_that_a_lock_whose_file_was_removed_does_not_let_two_in(tmp_path):
    first, second = WriteLock(tmp_path / "lock"), WriteLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    assert not (tmp_path / "lock").exists()
