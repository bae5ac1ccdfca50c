"""A curator at work, in a process of its own that is made to be killed: `python -m tests.dataset.killed_editor`.

Reads lines `SEED PATH` from stdin; for each forks a child that edits and saves without end and writes a mark after
everything it has done. What it does follows from the seed alone, so that the test knows every state there can be.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import ApplyPatch, Change, InsertRow, RemoveRow, SetRow
from arny_studio.dataset.patch_file import PatchWriter

DONE, SAVING = b".", b"s"
LONGEST = 400  # deeds of one child


def deeds(seed: int) -> Iterator[tuple[Any, ...]]:
    """What a curator does: `place` is where, as a share of the rows there are."""
    chance = random.Random(seed)
    done = undone = 0
    for number in range(LONGEST):
        kind = chance.choices(["set", "insert", "remove", "bulk", "undo", "redo", "save"], [8, 3, 2, 1, 3, 2, 4])[0]
        if (kind == "undo" and not done) or (kind == "redo" and not undone):
            kind = "set"
        text = f'{{"n": {number}, "seed": {seed}, "x": "{"é" * chance.randrange(300)}"}}'.encode()
        if kind == "undo":
            done, undone = done - 1, undone + 1
        elif kind == "redo":
            done, undone = done + 1, undone - 1
        elif kind != "save":
            done, undone = done + 1, 0
        yield kind, chance.random(), text


class Model:
    """The rows as plain lists: what the document must show after each deed."""

    def __init__(self, rows: list[bytes]) -> None:
        self.rows = rows
        self._before: list[list[bytes]] = []
        self._after: list[list[bytes]] = []

    def do(self, kind: str, place: float, text: bytes) -> None:
        """Follow one deed."""
        if kind == "undo":
            self._after.append(self.rows)
            self.rows = self._before.pop()
        elif kind == "redo":
            self._before.append(self.rows)
            self.rows = self._after.pop()
        elif kind != "save":
            self._before.append(self.rows)
            self._after.clear()
            self.rows = self._changed(kind, int(place * len(self.rows)), text)

    def _changed(self, kind: str, row: int, text: bytes) -> list[bytes]:
        if kind == "insert" or not self.rows:
            return [*self.rows[: row + 1], text, *self.rows[row + 1 :]]
        if kind == "remove":
            return [*self.rows[:row], *self.rows[row + 1 :]]
        if kind == "bulk":
            return [text + str(n).encode() if n % 3 == 0 else raw for n, raw in enumerate(self.rows)]
        return [*self.rows[:row], text, *self.rows[row + 1 :]]


def work(path: Path, seed: int) -> None:
    """Open, edit and save until somebody ends it."""
    document = Document.open(path)
    os.write(1, b"%d\n" % os.getpid())
    for kind, place, text in deeds(seed):
        if kind == "save":
            os.write(1, SAVING)
            document.save()
        elif kind == "undo":
            document.undo()
        elif kind == "redo":
            document.redo()
        else:
            document.apply(_change(document, kind, int(place * document.row_count), text))
        os.write(1, DONE)


def _change(document: Document, kind: str, row: int, text: bytes) -> Change:
    if kind == "insert" or not document.row_count:
        return Change(kind, (InsertRow(document.key_of(row) if document.row_count else -1, text),))
    if kind == "remove":
        return Change(kind, (RemoveRow(document.key_of(row)),))
    if kind == "set":
        return Change(kind, (SetRow(document.key_of(row), text),))
    path = document.new_patch_path()
    with PatchWriter(path) as patch:
        for place, (key, raw) in enumerate(zip(document.keys.tolist(), document.rows(), strict=True)):
            if place % 3 == 0:
                patch.set(key, raw, text + str(place).encode())
    return Change(kind, (ApplyPatch(str(path)),))


def main() -> None:
    """Fork one editor per line of stdin; say `!` when it is gone."""
    for line in sys.stdin:
        seed, path = line.rstrip("\n").split(" ", 1)
        child = os.fork()
        if not child:
            work(Path(path), int(seed))
            os._exit(0)
        os.waitpid(child, 0)
        os.write(1, b"!\n")


if __name__ == "__main__":
    main()
