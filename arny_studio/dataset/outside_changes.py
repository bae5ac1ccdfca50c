"""What to do where another program changed the file under edits made here: take theirs, or merge the two by row.

Merging needs nothing of the old file: the journal knows by its hash what each edited row said before. Where a row
still says so, the edit is made there; where it does not, both versions are kept, ours flagged behind theirs.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from msgspec import Struct

from arny_studio.dataset.applying import NO_KEYS, Applier
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import START, ApplyPatch, Change, Edit, InsertRow, RemoveRow, SetReview, SetRow
from arny_studio.dataset.journal import Applied, JournalContents, Redone, Saving, Undone, read_journal
from arny_studio.dataset.patch_file import INSERT, PatchFile
from arny_studio.dataset.review import Review
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_state import Operation, RowState
from arny_studio.dataset.text_store import AS_OPENED, TextStore
from arny_studio.errors import BadInput

CONFLICT_TAG = "changed on both sides"


class MergeReport(Struct, frozen=True, kw_only=True):
    """What a merge did, in rows."""

    merged: int  # edits made on rows that were still as they had been
    conflicts: np.ndarray  # int64 keys of our versions, kept behind theirs and flagged
    kept_by_them: int  # rows we removed and they changed or removed: theirs stand

    @property
    def sentence(self) -> str:
        """The report as one sentence."""
        said = f"Merged {self.merged:,} of your edits into the file as it is now; not saved yet."
        if len(self.conflicts):
            said += f" {len(self.conflicts):,} rows were changed on both sides: both versions are kept, yours flagged."
        return said


def take_theirs(document: Document) -> Document:
    """Open the file as another program left it; our rows are kept as a snapshot, and the document is closed."""
    document.take_snapshot("Mine, before taking the file as another program left it", "outside")
    document.close(discard=True)
    return Document.open(document.path)


def merged(document: Document) -> tuple[Document, MergeReport]:
    """Open the file as it is now and make our unsaved edits on it, as one undo step; the document is closed."""
    document.flush()
    kept = document.sidecar.kept / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept.mkdir(parents=True)
    if document.sidecar.patches.is_dir():
        shutil.copytree(document.sidecar.patches, kept / "patches")
    if document.sidecar.journal.is_file():
        shutil.copyfile(document.sidecar.journal, kept / "journal")
    document.close(discard=True)
    theirs = Document.open(document.path)
    return theirs, merge_kept(theirs, kept)


def merge_kept(document: Document, kept: Path) -> MergeReport:
    """Make the edits of a session that was set aside (`Recovery.kept`) on the document, as one undo step.

    The kept folder is removed once the edits stand in the document's own journal.
    """
    contents = read_journal(kept / "journal")
    if contents is None:
        raise BadInput("The kept edits cannot be read.")
    overlay = _Overlay(contents, kept / "patches")
    report = _Merge(document, overlay).make()
    document.flush()
    shutil.rmtree(kept, ignore_errors=True)
    return report


class _Overlay:
    """The edits of a journal without their file: which rows differ from what was saved last, and how they read."""

    def __init__(self, contents: JournalContents, patches: Path) -> None:
        self.base_count = contents.opened.rows
        self.texts = TextStore()
        self._rows = RowState(contents.opened.rows)
        self._original: dict[int, int] = {}  # key → hash of the row in the opened file, where an edit said it
        self._done: list[tuple[int, tuple[Operation, ...]]] = []
        self._undone: list[tuple[int, tuple[Operation, ...]]] = []
        self._patches = patches
        saved = {record.serial for record in contents.records if isinstance(record, Saving)}
        states = {0: self._rows.frozen()}
        for record in contents.records:
            self._take(record)
            serial = self._done[-1][0] if self._done else 0
            if serial in saved:
                states[serial] = self._rows.frozen()
        last = next((record.serial for record in reversed(contents.records) if isinstance(record, Saving)), 0)
        self.saved = states[last]
        self.now = self._rows.frozen()

    def hash_when_saved(self, key: int, text: int) -> int | None:
        """Hash of a row as it was saved; None where no edit says it."""
        return self._original.get(key) if text == AS_OPENED else row_hash(self.texts.get(text))

    def _take(self, record: object) -> None:
        match record:
            case Applied(serial, _, edits, old_hashes, joins):
                self._learn(edits, old_hashes)
                applied = Applier(self._rows, self.texts, lambda _: b"", self._patches).carry_out(edits)
                operations = (*self._done.pop()[1], *applied.operations) if joins else applied.operations
                self._done.append((serial, operations))
                self._undone.clear()
            case Undone():
                self._undone.append(self._done.pop())
                for operation in reversed(self._undone[-1][1]):
                    self._rows.take_back(operation)
            case Redone():
                self._done.append(self._undone.pop())
                for operation in self._done[-1][1]:
                    self._rows.do(operation)

    def _learn(self, edits: tuple[Edit, ...], old_hashes: tuple[int, ...]) -> None:
        told = iter(old_hashes)
        for edit in edits:
            if isinstance(edit, SetRow | RemoveRow):
                self._note(edit.key, next(told))
            elif isinstance(edit, ApplyPatch):
                patch = PatchFile(self._patches / edit.path)
                touched = patch.kinds != INSERT
                for key, old in zip(patch.keys[touched].tolist(), patch.old_hashes[touched].tolist(), strict=True):
                    self._note(key, old)
                patch.close()

    def _note(self, key: int, old: int) -> None:
        if key < self.base_count and self._rows.text_of(key) == AS_OPENED:
            self._original.setdefault(key, old)


class _Merge:
    """Finds for every difference between saved and now its place in the file as it is."""

    def __init__(self, document: Document, overlay: _Overlay) -> None:
        self._document = document
        self._overlay = overlay
        hashes = document.hashes()
        self._order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[self._order]
        self._keys = document.keys
        self._free = np.ones(len(hashes), dtype=bool)
        self._now = dict(zip(overlay.now.keys.tolist(), overlay.now.texts.tolist(), strict=True))
        self._on_rows: list[Edit] = []  # rows found as they were: set or removed
        self._ours: list[InsertRow] = []  # our versions of rows that are no longer as they were
        self._kept_by_them = 0
        self._shifts = [(-1, 0)]  # (row of the saved state, how far from there it is found now), ascending

    def make(self) -> MergeReport:
        saved = self._overlay.saved
        for row, (key, text) in enumerate(zip(saved.keys.tolist(), saved.texts.tolist(), strict=True)):
            if self._now.get(key) != text:
                self._place(row, key, text)
        new = self._new_rows()
        # New rows first: the rows in front of them may be among those that go.
        edits = (*new, *self._ours, *self._on_rows)
        if not edits:
            return MergeReport(merged=0, conflicts=NO_KEYS, kept_by_them=self._kept_by_them)
        inserted = self._document.apply(Change("Merge with the file as it is now", edits))
        self._flag(inserted[len(new) :])
        return MergeReport(
            merged=len(new) + len(self._on_rows), conflicts=inserted[len(new) :], kept_by_them=self._kept_by_them
        )

    def _place(self, row: int, key: int, text: int) -> None:
        """A row that we changed or removed since it was saved."""
        found = self._find(self._overlay.hash_when_saved(key, text), row)
        if key in self._now:
            raw = self._overlay.texts.get(self._now[key])
            if found is not None:
                self._on_rows.append(SetRow(found, raw))
            else:
                self._ours.append(InsertRow(self._near(row), raw))
        elif found is not None:
            self._on_rows.append(RemoveRow(found))
        else:
            self._kept_by_them += 1

    def _new_rows(self) -> list[InsertRow]:
        """Rows that we inserted go behind the row whose place is that of the one they stand behind."""
        rows = {key: row for row, key in enumerate(self._overlay.saved.keys.tolist())}
        behind, found = -1, []
        for key, text in self._now.items():
            if key in rows:
                behind = rows[key]
            else:
                found.append(InsertRow(self._near(behind) if behind >= 0 else START, self._overlay.texts.get(text)))
        return found

    def _find(self, wanted: int | None, row: int) -> int | None:
        """Key of the row with this hash that is nearest to where it stood, each row used once."""
        if wanted is None:
            return None
        value = np.uint64(wanted)
        left, right = np.searchsorted(self._sorted, value, "left"), np.searchsorted(self._sorted, value, "right")
        candidates = [place for place in self._order[left:right].tolist() if self._free[place]]
        if not candidates:
            return None
        place = min(candidates, key=lambda candidate: abs(candidate - row))
        self._free[place] = False
        self._shifts.append((row, place - row))
        return int(self._keys[place])

    def _near(self, row: int) -> int:
        """Key of the row that stands where a row of the saved state is to be expected; START in an empty file."""
        shift = self._shifts[bisect_right(self._shifts, row, key=lambda found: found[0]) - 1][1]
        return int(self._keys[min(max(row + shift, 0), len(self._keys) - 1)]) if len(self._keys) else START

    def _flag(self, keys: np.ndarray) -> None:
        if len(keys):
            review = Review("flagged", (CONFLICT_TAG,))
            edits = tuple(SetReview(key, review) for key in keys.tolist())
            self._document.apply(Change("Flag rows changed on both sides", edits))
