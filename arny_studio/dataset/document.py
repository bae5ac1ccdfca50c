"""A dataset as a document: opened with the edits of a session that was cut off, edited, saved, closed.

The file is never changed but by `save`. A process that is killed finds its edits again when it opens the file the
next time.
"""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec import Struct

from arny_studio.dataset.content_hash import content_hash
from arny_studio.dataset.edit_provenance import OriginLog, edited_hashes
from arny_studio.dataset.edited_rows import EditedRows
from arny_studio.dataset.edits import ApplyPatch
from arny_studio.dataset.file_bytes import FileBytes
from arny_studio.dataset.journal import Journal, Saving, read_journal
from arny_studio.dataset.review import ReviewBook
from arny_studio.dataset.row_state import FrozenRows
from arny_studio.dataset.saving import (
    OnBytes,
    OutsideChange,
    Written,
    pieces,
    remove_unfinished,
    rename_over,
    written_beside,
)
from arny_studio.dataset.session import FoundSession, Recovery, find_session, restored, set_aside
from arny_studio.dataset.sidecar import Sidecar, WriteLock
from arny_studio.dataset.snapshots import Reason, Snapshot, Snapshots, linked
from arny_studio.dataset.undo import Step
from arny_studio.errors import ArnyError, BadInput, MissingFile


class DocumentView(Struct, frozen=True):
    """What a worker needs to see a document as the window shows it, unsaved edits included."""

    path: str
    journal: str = ""
    journal_bytes: int = 0
    version: int = 0


class SaveReport(Struct, frozen=True, kw_only=True):
    """What a save did."""

    path: Path
    size: int  # bytes
    content_hash: str
    is_new: bool = True  # False: nothing had to be written
    snapshot_problem: str | None = None  # why the snapshot that was due could not be taken


class Document(EditedRows):
    """An opened dataset.

    Opening reads the file once for its newlines (about a tenth of a second per GB), and saving writes it: call both
    off the event loop.
    """

    def __init__(self, path: Path, file: FileBytes, *, lock: WriteLock | None = None) -> None:
        super().__init__(path, file, lock=lock)
        self.recovery: Recovery | None = None  # what opening found of an earlier session, to be said once
        self._saved_hash: str | None = None  # None: that of the opened file

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Document:
        """Open a file to edit it, unsaved edits of an earlier session restored; or, `read_only`, as it lies there.

        Where another window has the file, the document is read only and `locked_by` says whose process it is.
        Raises MissingFile, or BadInput where the file cannot be read.
        """
        file = FileBytes.open(path)
        lock = WriteLock(Sidecar(path).lock)
        if read_only or not lock.acquire():
            document = cls(path, file)
            document.locked_by = lock.holder
            return document
        try:
            return cls._open_locked(path, file, lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open_locked(cls, path: Path, file: FileBytes, lock: WriteLock) -> Document:
        sidecar = Sidecar(path)
        remove_unfinished(sidecar.dataset)
        found = find_session(file, sidecar)
        if isinstance(found, FoundSession):
            document = cls(path, found.base, lock=lock)
            found = document._go_on(found, file)
            if document.is_changed:
                document.recovery = found
                return document
        document = cls(path, file, lock=lock)
        document.recovery = found
        file.hash_in_background()
        return document

    def _go_on(self, found: FoundSession, file: FileBytes) -> Recovery | None:
        """Do again what a session before did; what to say of it. Leaves the document unchanged where it was all saved."""
        try:
            self._replay(found.contents)
        except ArnyError:
            self._saved_serial = self._steps.top_serial
            return set_aside(found.contents, file, self.sidecar)
        self._saved_serial, self._saved_hash = found.saved_serial, found.saved_hash
        if not self.is_changed:
            self.sidecar.drop_session()
            return None
        self._journal.go_on(found.contents.whole_bytes)
        serials = [step.serial for step in self._steps.done]
        count = len(serials) - (serials.index(self._saved_serial) + 1 if self._saved_serial in serials else 0)
        return restored(max(1, count))

    @classmethod
    def open_view(cls, view: DocumentView) -> Document:
        """The very state that a window shows, read only: for workers."""
        path = Path(view.path)
        file = FileBytes.open(path)
        contents = read_journal(Path(view.journal), view.journal_bytes) if view.journal_bytes else None
        base = Sidecar(path).base
        if contents is not None and base.is_file():  # saved since: keys count in the file as it was
            file.close()
            file = FileBytes.open(base)
        document = cls(path, file)
        if contents is not None:
            document._replay(contents)
        document.version = view.version
        return document

    @property
    def saved_hash(self) -> str:
        """Content hash that the file should have: as opened, or as saved here last."""
        return self._saved_hash or self._file.content_hash

    @property
    def snapshots(self) -> Snapshots:
        """The snapshots of this dataset."""
        return Snapshots(self.sidecar.snapshots)

    def view(self) -> DocumentView:
        """The present state, for a worker to open with `open_view`."""
        with self._lock:
            size = self._journal.size
            return DocumentView(str(self.path), str(self.sidecar.journal) if size else "", size, self.version)

    def outside_change(self) -> OutsideChange | None:
        """What another program did to the file since it was opened or saved, found by content; None for nothing."""
        try:
            found = content_hash(self.sidecar.dataset)
        except MissingFile:
            return OutsideChange(self.path, found_hash=None)
        if found == self.saved_hash:
            return None
        return OutsideChange(self.path, found_hash=found, is_in_place=self._file.was_overwritten())

    def save(
        self, *, on_outside: Literal["refuse", "keep_mine"] = "refuse", on_progress: OnBytes | None = None
    ) -> SaveReport:
        """Write the rows over the file, atomically; bytes of untouched lines stay as they are.

        Edits made meanwhile are not in it and stay unsaved. Raises OutsideChange, DiskFull (with the number of missing
        bytes) or BadInput; the file is untouched then.
        """
        with self._lock:
            self._refuse_if_read_only()
            rows, serial, steps = self._rows.frozen(), self._steps.top_serial, self._unsaved_steps()
        outside = self.outside_change()
        if outside is not None and (on_outside == "refuse" or outside.is_in_place):
            raise outside
        if outside is None and serial == self._saved_serial:
            size = self.sidecar.dataset.stat().st_size
            return SaveReport(path=self.path, size=size, content_hash=self.saved_hash, is_new=False)
        with self._written(self.sidecar.dataset, rows, on_progress) as written:
            problem = self._keep_what_was(outside)
            self._journal.append(Saving(serial, written.content_hash))
            self._journal.flush()
            rename_over(written, self.sidecar.dataset)
            self._saved_serial, self._saved_hash = serial, written.content_hash
        self.origins.note(edited_hashes(steps, rows, self._texts))
        return SaveReport(
            path=self.path, size=written.size, content_hash=written.content_hash, snapshot_problem=problem
        )

    def save_as(self, path: Path, *, on_progress: OnBytes | None = None) -> SaveReport:
        """Write the rows to another file and go on there, undo included; the file they came from stays as it is.

        Raises BadInput where another window has that file, DiskFull, or BadInput where it cannot be written.
        """
        with self._lock:
            rows, serial, steps = self._rows.frozen(), self._steps.top_serial, self._unsaved_steps()
        sidecar = Sidecar(path)
        if sidecar.dataset == self.sidecar.dataset:
            return self.save(on_outside="keep_mine", on_progress=on_progress)
        lock = WriteLock(sidecar.lock)
        if not lock.acquire():
            raise BadInput(f"{path.name} is open in another window.", hint="Close it there, or choose another name.")
        try:
            with self._written(sidecar.dataset, rows, on_progress) as written:
                self._take_session_to(sidecar, Saving(serial, written.content_hash))
                rename_over(written, sidecar.dataset)
        except BaseException:
            lock.release()
            raise
        self._settle(path, sidecar, lock)
        self._saved_serial, self._saved_hash = serial, written.content_hash
        self.origins.note(edited_hashes(steps, rows, self._texts))
        return SaveReport(path=path, size=written.size, content_hash=written.content_hash)

    def write_copy(self, path: Path, *, patch: Path | None = None, on_progress: OnBytes | None = None) -> SaveReport:
        """Write the rows, with a patch applied where one is given, to another file; the document stays as it is.

        Raises BadInput where that is this very file, where another window has it or it cannot be written, and DiskFull.
        """
        sidecar = Sidecar(path)
        if sidecar.dataset == self.sidecar.dataset:
            raise BadInput(f"{path.name} is the file that is read here.", hint="Name another file to write to.")
        lock = WriteLock(sidecar.lock)
        if not lock.acquire():
            raise BadInput(f"{path.name} is open in another window.", hint="Close it there, or choose another name.")
        try:
            with self._written(sidecar.dataset, self._patched(patch), on_progress) as written:
                rename_over(written, sidecar.dataset)
        finally:
            lock.release()
            sidecar.remove_if_empty()
        return SaveReport(path=path, size=written.size, content_hash=written.content_hash)

    def take_snapshot(self, title: str, reason: Reason = "named", *, on_progress: OnBytes | None = None) -> Snapshot:
        """Keep the rows as they are now, unsaved edits included."""
        with self._lock:
            rows, is_changed = self._rows.frozen(), self.is_changed
        if not is_changed and self.outside_change() is None:
            return self.snapshots.add(
                self.sidecar.dataset, self.saved_hash, title=title, reason=reason, rows=len(rows.keys)
            )
        self.sidecar.snapshots.mkdir(parents=True, exist_ok=True)
        with self._written(self.sidecar.snapshots / "new", rows, on_progress) as written:
            return self.snapshots.add(
                written.temporary, written.content_hash, title=title, reason=reason, rows=len(rows.keys), bring=linked
            )

    def close(self, *, discard: bool = False) -> None:
        """Let go of the file. Unsaved edits stay in the journal and are there next time, unless `discard`."""
        self.review.close()
        self.origins.close()
        if self._write_lock is not None:
            self._journal.close()
            if discard or not self.is_changed:
                self.sidecar.drop_session()
            self._write_lock.release()
            self._write_lock = None
            self.sidecar.remove_if_empty()
        super().close()

    def _unsaved_steps(self) -> list[Step]:
        """What was done since the last save."""
        done = self._steps.done
        saved = next((place for place, step in enumerate(done) if step.serial == self._saved_serial), -1)
        return done[saved + 1 :]

    def _written(self, target: Path, rows: FrozenRows, on_progress: OnBytes | None) -> AbstractContextManager[Written]:
        kept_in = f"Your edits are kept in {self.sidecar.journal}." if self._journal.size else ""
        plan = partial(pieces, self._index, rows, self._texts)
        return written_beside(target, self._index, plan, kept_in=kept_in, on_progress=on_progress)

    def _patched(self, patch: Path | None) -> FrozenRows:
        """The rows as a patch would leave them; it is taken back at once."""
        with self._lock:
            applied = self._applier().carry_out(() if patch is None else (ApplyPatch(str(patch.absolute())),))
            rows = self._rows.frozen()
            for operation in reversed(applied.operations):
                self._rows.take_back(operation)
        return rows

    def _keep_what_was(self, outside: OutsideChange | None) -> str | None:
        """Before the file is replaced: a snapshot of it where one is due, and the rows that the journal counts in."""
        self._begin_journal()
        if not self.sidecar.base.exists():
            self._file.link_or_copy(self.sidecar.base)
        if outside is not None and outside.is_gone:
            return None
        reason: Reason = "save" if outside is None else "outside"
        title = "Before the first save of the day" if outside is None else "As another program left it"
        digest = self.saved_hash if outside is None or outside.found_hash is None else outside.found_hash
        if reason == "save" and self.snapshots.covers(datetime.now(), digest):
            return None
        try:
            self.snapshots.add(self.sidecar.dataset, digest, title=title, reason=reason, bring=linked)
        except (ArnyError, OSError) as error:
            return f"No snapshot could be taken before saving: {error}"
        return None

    def _take_session_to(self, sidecar: Sidecar, saving: Saving) -> None:
        """Copy journal, base and patches to another dataset's sidecar, and say there that the state is being saved."""
        if sidecar.journal.exists():
            sidecar.set_session_aside(datetime.now().strftime("%Y%m%dT%H%M%S.%f"))
        if not self._journal.size:
            return
        self._journal.flush()
        sidecar.folder.mkdir(parents=True, exist_ok=True)
        if self.sidecar.patches.is_dir():
            shutil.copytree(self.sidecar.patches, sidecar.patches, copy_function=_link_or_copy, dirs_exist_ok=True)
        self._file.link_or_copy(sidecar.base)
        shutil.copyfile(self.sidecar.journal, sidecar.journal)
        copy = Journal(sidecar.journal)
        copy.append(saving)
        copy.close()

    def _settle(self, path: Path, sidecar: Sidecar, lock: WriteLock) -> None:
        """Go on at another path, with reviews and journal there."""
        self.review.close()
        self.origins.close()
        self._journal.close()
        for mine, theirs in ((self.sidecar.reviews, sidecar.reviews), (self.sidecar.origins, sidecar.origins)):
            if mine.exists():
                shutil.copyfile(mine, theirs)
        if self._write_lock is not None:
            self.sidecar.drop_session()
            self._write_lock.release()
            self.sidecar.remove_if_empty()
        self.path, self.sidecar, self._write_lock, self.locked_by = path, sidecar, lock, None
        self.review, self.origins = ReviewBook(sidecar.reviews), OriginLog(sidecar.origins)
        self._journal = Journal(sidecar.journal)
        if sidecar.journal.exists():
            self._journal.go_on(sidecar.journal.stat().st_size)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
