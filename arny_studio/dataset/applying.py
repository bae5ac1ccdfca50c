"""From edits to operations: checks what a change wants and carries it out on the rows, all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

import numpy as np
from msgspec import Struct

from arny_studio.dataset.edits import (
    START,
    ApplyPatch,
    Edit,
    InsertRow,
    RemoveRow,
    SetRow,
    TextEdit,
    checked_raw,
)
from arny_studio.dataset.patch_file import INSERT, REMOVE, SET, PatchFile
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_state import Insertion, Operation, Removal, RowState, Texts
from arny_studio.dataset.text_store import TextStore
from arny_studio.errors import BadInput

NO_KEYS = np.zeros(0, dtype=np.int64)


class Applied(Struct, frozen=True, kw_only=True):
    """What became of a change. Hashes of the rows that got another text, uint64, before and after."""

    operations: tuple[Operation, ...]
    inserted: np.ndarray  # int64: keys of the new rows, in the order of the edits
    old_hashes: tuple[int, ...]  # of the rows that SetRow and RemoveRow touched, in their order
    followed: tuple[tuple[np.ndarray, np.ndarray], ...]  # hashes before and after, for the reviews to follow


class Applier:
    """Carries out the edits of one change."""

    def __init__(
        self, rows: RowState, texts: TextStore, raw_of: Callable[[int], bytes], patches: Path | None = None
    ) -> None:
        self._rows = rows
        self._texts = texts
        self._raw_of = raw_of
        self._patches = patches
        self._operations: list[Operation] = []
        self._inserted: list[np.ndarray] = []
        self._old_hashes: list[int] = []
        self._followed: list[tuple[np.ndarray, np.ndarray]] = []

    def carry_out(self, edits: Iterable[Edit]) -> Applied:
        """Do the edits in order. Raises BadInput for a row that is not there or a text that is no line; nothing is done then."""
        next_key = self._rows.next_key
        try:
            for kind, run in groupby(edits, key=type):
                if kind in _CARRY_OUT:
                    _CARRY_OUT[kind](self, list(run))
        except Exception:
            for operation in reversed(self._operations):
                self._rows.take_back(operation)
            self._rows.next_key = next_key
            raise
        return Applied(
            operations=tuple(self._operations),
            inserted=np.concatenate(self._inserted) if self._inserted else NO_KEYS,
            old_hashes=tuple(self._old_hashes),
            followed=tuple(self._followed),
        )

    def set_rows(self, edits: list[SetRow]) -> None:
        raws = [checked_raw(edit.raw) for edit in edits]
        keys = self._shown(np.array([edit.key for edit in edits], dtype=np.int64))
        old = [row_hash(self._raw_of(key)) for key in keys.tolist()]
        self._old_hashes += old
        self._followed.append((np.array(old, np.uint64), np.array([row_hash(raw) for raw in raws], np.uint64)))
        self._do(Texts(keys, self._rows.texts_of(keys), self._texts.add(raws)))

    def remove_rows(self, edits: list[RemoveRow]) -> None:
        keys = self._shown(np.array([edit.key for edit in edits], dtype=np.int64))
        self._old_hashes += [row_hash(self._raw_of(key)) for key in keys.tolist()]
        self._remove(keys)

    def insert_rows(self, edits: list[InsertRow]) -> None:
        numbers = self._texts.add([checked_raw(edit.raw) for edit in edits])
        self._insert(np.array([edit.after for edit in edits], dtype=np.int64), numbers)

    def apply_patches(self, edits: list[ApplyPatch]) -> None:
        for edit in edits:
            path = Path(edit.path)
            self._apply_patch(PatchFile(path if path.is_absolute() or not self._patches else self._patches / path))

    def _apply_patch(self, patch: PatchFile) -> None:
        numbers = self._texts.add_patch(patch)
        sets, inserts, removals = (np.flatnonzero(patch.kinds == kind) for kind in (SET, INSERT, REMOVE))
        if len(sets):
            keys = self._shown(patch.keys[sets])
            self._do(Texts(keys, self._rows.texts_of(keys), numbers[sets]))
            self._followed.append((patch.old_hashes[sets], patch.new_hashes[sets]))
        if len(inserts):
            self._insert(patch.keys[inserts], numbers[inserts])
        if len(removals):
            self._remove(self._shown(patch.keys[removals]))

    def _insert(self, after: np.ndarray, numbers: np.ndarray) -> None:
        behind = np.where(after == START, -1, self._rows.rows_of(np.maximum(after, 0))) + 1
        if np.any((behind == 0) & (after != START)):
            raise BadInput("A row to insert behind is not in the dataset (any more).")
        keys = self._rows.new_keys(len(after))
        order = np.argsort(behind, kind="stable")
        self._do(Insertion(behind[order], keys[order], numbers[order]))
        self._inserted.append(keys)

    def _remove(self, keys: np.ndarray) -> None:
        rows = np.sort(self._rows.rows_of(keys))
        if np.any(rows[1:] == rows[:-1]):
            raise BadInput("A row is to be removed twice.")
        self._do(Removal(rows, self._rows.keys[rows]))

    def _shown(self, keys: np.ndarray) -> np.ndarray:
        absent = self._rows.rows_of(keys) < 0
        if absent.any():
            raise BadInput(f"Row {int(keys[absent][0])} is not in the dataset (any more).")
        return keys

    def _do(self, operation: Operation) -> None:
        self._rows.do(operation)
        self._operations.append(operation)


_CARRY_OUT: dict[type[TextEdit], Callable[[Applier, list], None]] = {
    SetRow: Applier.set_rows,
    RemoveRow: Applier.remove_rows,
    InsertRow: Applier.insert_rows,
    ApplyPatch: Applier.apply_patches,
}
