"""Rows that can be edited: each change one named undo step, and in the journal before the caller goes on."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from arny_studio.dataset.applying import Applied, Applier
from arny_studio.dataset.edit_provenance import OriginLog
from arny_studio.dataset.edits import ApplyPatch, Change, Edit, JudgeRows, ReviewEdit, SetReview, StaleChange, TextEdit
from arny_studio.dataset.file_bytes import FileBytes
from arny_studio.dataset.journal import Applied as AppliedRecord
from arny_studio.dataset.journal import Journal, JournalContents, Opened, Record, Redone, Undone
from arny_studio.dataset.opened_rows import OpenedRows
from arny_studio.dataset.review import Review, ReviewBook
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_state import Texts
from arny_studio.dataset.sidecar import Sidecar, WriteLock
from arny_studio.dataset.undo import BASE, Judgement, Step, Touched, UndoStack
from arny_studio.errors import BadInput


class EditedRows(OpenedRows):
    """Changes are made from one thread, also while another one saves or looks."""

    def __init__(self, path: Path, file: FileBytes, *, lock: WriteLock | None = None) -> None:
        super().__init__(path, file)
        self.sidecar = Sidecar(path)
        self.version = 0  # grows with every change, undo and redo
        self.locked_by: int | None = None  # process that has the file open for writing, where it is not ours
        self.on_changed: Callable[[Touched], None] | None = None
        self.review = ReviewBook(self.sidecar.reviews, read_only=lock is None)
        self.origins = OriginLog(self.sidecar.origins, read_only=lock is None)
        self._write_lock = lock
        self._steps = UndoStack()
        self._journal = Journal(self.sidecar.journal)
        self._saved_serial = BASE
        self._patch_numbers = itertools.count()

    @property
    def is_read_only(self) -> bool:
        """Whether edits are refused: another window has the file, or it was opened to be looked at."""
        return self._write_lock is None

    @property
    def is_changed(self) -> bool:
        """Whether the rows differ from what was saved last."""
        return self._steps.top_serial != self._saved_serial

    @property
    def undo_title(self) -> str | None:
        """What `undo` would take back."""
        return self._steps.done[-1].title if self._steps.done else None

    @property
    def redo_title(self) -> str | None:
        """What `redo` would do again."""
        return self._steps.undone[-1].title if self._steps.undone else None

    @property
    def step_titles(self) -> list[str]:
        """Titles of everything that can be undone, the newest last."""
        return [step.title for step in self._steps.done]

    @property
    def journal_problem(self) -> str | None:
        """Why edits or reviews are not being kept safe on the disk, if they are not."""
        return self._journal.problem or self.review.problem or self.origins.problem

    def review_of(self, key: int) -> Review:
        """How a row was judged."""
        return self.review.get(row_hash(self.raw_of(key)))

    def provenance_of(self, key: int) -> dict[str, str]:
        """Where a row comes from: what its review says of it, and the edit that gave it the text it was saved with."""
        content = row_hash(self.raw_of(key))
        return {**self.review.get(content).provenance, **self.origins.of(content)}

    def new_patch_path(self) -> Path:
        """A free place for a worker to write a patch to."""
        self.sidecar.patches.mkdir(parents=True, exist_ok=True)
        return next(path for n in self._patch_numbers if not (path := self.sidecar.patches / f"{n}.patch").exists())

    def apply(self, change: Change, *, join: bool = False) -> np.ndarray:
        """Make a change as one undo step; returns the keys of inserted rows, int64.

        `join`: typing, which goes on in the step before where that has the same title and touches the same rows.
        Raises BadInput (nothing has been done then), or StaleChange where it was made for another version.
        """
        with self._lock:
            self._refuse_if_unfit(change)
            edits = tuple(self._with_own_patch(edit) for edit in change.edits)
            applied = self._applier().carry_out(edits)
            judged = self._judge([edit for edit in edits if isinstance(edit, ReviewEdit)])
            step = Step(self._steps.next_serial(), change.title, applied.operations, judged, joins=join)
            is_joined = join and self._goes_on_in_last(step)
            self._push(step, is_joined)
            if step.is_edit:
                self._write(step, edits, applied, is_joined)
            for old, new in applied.followed:
                self.review.follow(old.tolist(), new.tolist(), moves=is_joined)
        self._announce(step)
        return applied.inserted

    def pause_typing(self) -> None:
        """What is typed next is a step of its own, even where it would go on in the last one."""
        self._steps.pause()

    def undo(self) -> str | None:
        """Take the last change back; returns its title, None where there is nothing to undo."""
        return self._step_over(self._steps.pop_done, self._take_back, Undone())

    def redo(self) -> str | None:
        """Make the change undone last again; returns its title, None where there is nothing to redo."""
        return self._step_over(self._steps.pop_undone, self._do_again, Redone())

    def flush(self) -> None:
        """Return when every edit and review is on the disk (they are within half a second anyway)."""
        self._journal.flush()
        self.review.flush()

    def _applier(self) -> Applier:
        return Applier(self._rows, self._texts, self.raw_of, self.sidecar.patches)

    def _step_over(self, pop: Callable[[], Step | None], act: Callable[[Step], None], record: Record) -> str | None:
        with self._lock:
            self._refuse_if_read_only()
            step = pop()
            if step is None:
                return None
            act(step)
            self.version += 1
            if step.is_edit:
                self._journal.append(record)
        self._announce(step)
        return step.title

    def _take_back(self, step: Step) -> None:
        for judgement in reversed(step.judgements):
            self.review.put(judgement.hashes, judgement.before)
        for operation in reversed(step.operations):
            self._rows.take_back(operation)

    def _do_again(self, step: Step) -> None:
        for operation in step.operations:
            self._rows.do(operation)
        for judgement in step.judgements:
            self.review.put(judgement.hashes, judgement.after)

    def _judge(self, edits: list[ReviewEdit]) -> tuple[Judgement, ...]:
        """Put reviews into the book; what was said before and is said now, for undo."""
        single = [edit for edit in edits if isinstance(edit, SetReview)]
        judged = [self._judgement(single)] if single else []
        for rows in (edit.rows for edit in edits if isinstance(edit, JudgeRows)):
            judged.append(Judgement(tuple(rows.keys.tolist()), tuple(rows.hashes.tolist()), rows.before, rows.after))
        for judgement in judged:
            self.review.put(judgement.hashes, judgement.after)
        return tuple(judged)

    def _judgement(self, edits: list[SetReview]) -> Judgement:
        keys = tuple(edit.key for edit in edits)
        hashes = tuple(row_hash(self.raw_of(key)) for key in keys)
        before = tuple(self.review.get(row_hash) for row_hash in hashes)
        return Judgement(keys, hashes, before, tuple(edit.review for edit in edits))

    def _goes_on_in_last(self, step: Step) -> bool:
        last = self._steps.joinable
        if last is None or last.serial == self._saved_serial or last.title != step.title:
            return False
        match (*last.operations, *step.operations):
            case (Texts(before), Texts(after)):
                return np.array_equal(before, after)
        return False

    def _push(self, step: Step, is_joined: bool) -> None:
        if is_joined:
            [earlier], [later] = self._steps.done.pop().operations, step.operations
            assert isinstance(earlier, Texts) and isinstance(later, Texts)
            step = Step(step.serial, step.title, (Texts(later.keys, earlier.before, later.after),), joins=True)
        self._steps.push(step)
        self.version += 1

    def _with_own_patch(self, edit: Edit) -> Edit:
        """Patches move in: the journal names them by their file alone."""
        if not isinstance(edit, ApplyPatch):
            return edit
        path = Path(edit.path)
        if path.parent != self.sidecar.patches:
            path = Path(shutil.move(path, self.new_patch_path()))
        return ApplyPatch(path.name)

    def _begin_journal(self) -> None:
        self._journal.begin(Opened(str(self.sidecar.dataset), self._file.content_hash, self.base_row_count))

    def _write(self, step: Step, edits: tuple[Edit, ...], applied: Applied, is_joined: bool) -> None:
        self._begin_journal()
        written = tuple(edit for edit in edits if isinstance(edit, TextEdit))
        self._journal.append(AppliedRecord(step.serial, step.title, written, applied.old_hashes, is_joined))

    def _replay(self, contents: JournalContents) -> None:
        """Do all that a journal says."""
        for record in contents.records:
            match record:
                case AppliedRecord(serial, title, edits, _, is_joined):
                    applied = self._applier().carry_out(edits)
                    self._push(Step(serial, title, applied.operations), is_joined)
                case Undone():
                    if step := self._steps.pop_done():
                        self._take_back(step)
                case Redone():
                    if step := self._steps.pop_undone():
                        self._do_again(step)

    def _announce(self, step: Step) -> None:
        if self.on_changed is not None:
            self.on_changed(step.touched)

    def _refuse_if_unfit(self, change: Change) -> None:
        self._refuse_if_read_only()
        if change.version is not None and change.version != self.version:
            sentence = f"The dataset was edited while “{change.title}” was prepared; nothing was changed."
            raise StaleChange(sentence, hint="Prepare it again.")

    def _refuse_if_read_only(self) -> None:
        if self.is_read_only:
            who = f"process {self.locked_by}" if self.locked_by else "another window"
            raise BadInput(f"{self.path.name} is open for reading only: {who} has it open for editing.")
