"""States that can be gone back to: before the day's first save, before bulk work, by name; thinned, never torn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arny_studio.dataset.content_hash import content_hash
from arny_studio.dataset.document import Document
from arny_studio.dataset.row_diff import change_to
from arny_studio.dataset.run_snapshots import snapshot_for_run
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.dataset.snapshots import Retention, Snapshot, Snapshots, kept_by
from arny_studio.errors import BadInput, MissingFile
from tests.dataset.documents import editing, row, rows_of, set_row, written

ROWS = [row(letter) for letter in "abc"]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "d.jsonl", ROWS)


def test_that_only_the_first_save_of_a_day_takes_a_snapshot_and_the_bytes_are_those_of_the_old_file(path):
    before = path.stat().st_ino
    with editing(path) as document:
        for letter in "xyz":
            document.apply(set_row(0, row(letter)))
            document.save()
        [snapshot] = document.snapshots.all()
        assert snapshot.reason == "save"
        place = document.snapshots.content(snapshot)
        assert place.stat().st_ino == before  # one more name, no copy
        assert rows_of(place) == ROWS


def test_that_a_snapshot_holds_unsaved_edits_and_restoring_it_is_one_undo_step(path):
    with editing(path) as document:
        document.apply(set_row(0, row("x")))
        snapshot = document.take_snapshot("Before bulk", "bulk")
        assert (snapshot.rows, snapshot.reason) == (3, "bulk")
        document.apply(set_row(1, row("y")))
        document.save()
        other = Document.open(document.snapshots.content(snapshot), read_only=True)
        document.apply(change_to(document, other, "Go back"))
        other.close()
        assert list(document.rows()) == [row("x"), *ROWS[1:]]
        assert document.undo() == "Go back"
        assert list(document.rows()) == [row("x"), row("y"), row("c")]


def test_that_equal_contents_are_kept_once_and_go_with_the_last_name(path):
    with editing(path) as document:
        first, second = document.take_snapshot("one"), document.take_snapshot("two")
        snapshots = document.snapshots
        assert len(list(snapshots.folder.glob("*.rows"))) == 1
        snapshots.remove([first])
        assert rows_of(snapshots.content(second)) == ROWS
        snapshots.remove([second])
        assert not snapshots.folder.exists()


def test_that_a_snapshot_is_found_by_id_title_hash_and_as_the_latest(path):
    with editing(path) as document:
        one = document.take_snapshot("Tuesday")
        document.apply(set_row(0, row("x")))
        two = document.take_snapshot("Wednesday")
        for name, wanted in ((one.id, one), ("Tuesday", one), (two.content_hash[:8], two), ("latest", two)):
            assert document.snapshots.find(name) == wanted
        with pytest.raises(MissingFile, match="no snapshot 'Monday'"):
            document.snapshots.find("Monday")


def test_that_a_damaged_snapshot_is_not_used(path):
    with editing(path) as document:
        snapshot = document.take_snapshot("one")
        (document.snapshots.folder / f"{snapshot.content_hash}.rows").write_bytes(b"{}")
        with pytest.raises(BadInput, match="'one' is damaged"):
            document.snapshots.content(snapshot)


def test_that_a_run_names_the_state_it_used_and_naming_it_twice_keeps_one(path):
    used = snapshot_for_run(path, "20261123-train-a")
    assert used == snapshot_for_run(path, "20261123-train-a")
    assert used.content_hash == content_hash(path)
    snapshots = Snapshots(Sidecar(path).snapshots)
    assert [one.id for one in snapshots.all()] == [used.snapshot]
    written(path, [row("other")])
    assert rows_of(snapshots.content(snapshots.find("Used by 20261123-train-a"))) == ROWS


def taken(days_ago, reason="save", hour=0):
    at = NOON - timedelta(days=days_ago, hours=hour)
    return Snapshot(id=f"{days_ago}-{hour}-{reason}", title="", at=at, content_hash="", size=0, reason=reason)


def test_that_twelve_days_ten_weeks_and_nine_months_are_kept_and_named_ones_for_ever():
    daily = [taken(day) for day in range(400)] + [taken(900, "named")]
    kept = kept_by(daily, Retention())
    assert {f"{day}-0-save" for day in range(12)} <= kept
    assert "900-0-named" in kept
    weeks = {(NOON - timedelta(days=day)).strftime("%G-%V") for day in range(400) if f"{day}-0-save" in kept}
    months = {(NOON - timedelta(days=day)).strftime("%Y-%m") for day in range(400) if f"{day}-0-save" in kept}
    assert len(weeks) >= 10
    assert len(months) == 9
    assert len(kept) <= 12 + 10 + 9 + 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 23)), unique=True))
def test_that_thinning_is_bounded_and_keeps_the_newest(moments):
    snapshots = sorted((taken(day, hour=hour) for day, hour in moments), key=lambda one: one.at, reverse=True)
    kept = kept_by(snapshots, Retention())
    assert len(kept) <= 12 + 12 + 10 + 9
    assert {one.id for one in snapshots[:12]} <= kept


def test_that_taking_snapshots_thins_them(folder):
    path, snapshots = folder / "d.jsonl", Snapshots(folder / "snapshots")
    for day in range(60):
        path.write_bytes(b"%d" % day)
        snapshots.add(path, content_hash(path), title="", reason="save", now=NOON + timedelta(days=day))
    left = snapshots.all()
    assert len(left) < 25
    assert len(list(snapshots.folder.glob("*.rows"))) == len(left)
    assert left[0].at == NOON + timedelta(days=59)
