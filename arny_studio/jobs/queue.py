"""The queue of a workspace: which runs start next, in which order, and how the earlier ones ended.

A small file that window, command and queue worker change under a lock, so that each sees the others' changes. The
runs themselves lie in the workspace like all others; the queue knows them by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from arny_studio.atomic import write_text_atomically
from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.claim import exclusive
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import QueueRecipe, dump_recipe

EntryState = Literal["waiting", "running", "finished", "stopped", "failed", "missing"]


class QueueEntry(Struct, frozen=True, kw_only=True):
    """A run in the queue. `sentence` says how it ended."""

    run: str
    state: EntryState = "waiting"
    sentence: str = ""
    added_s: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.state not in ("waiting", "running")


class RunQueue:
    """The queue of one workspace. Every change reads, changes and writes the file under its lock."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.folder = RunFolder(workspace.root / "queue")

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder.path / "queue.json"

    @property
    def is_running(self) -> bool:
        """Whether a worker works it off."""
        return self.folder.is_running

    def entries(self) -> list[QueueEntry]:
        """All entries: ended ones, those that run, those that wait, in the order in which they (will) have run."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[QueueEntry])
        except FileNotFoundError:
            return []
        except msgspec.MsgspecError as error:
            raise BadInput(f"{self.path} is not a queue: {error}.", hint="Delete it to begin an empty one.") from error

    def add(self, run: RunFolder) -> QueueEntry:
        """Put a run at the end. Raises BadInput where it waits or runs already, or is complete."""
        if run.is_complete:
            raise BadInput(f"The run {run.name} is complete already.")
        if run.path.parent != self.workspace.runs:
            raise BadInput(f"{run.path} does not lie in the workspace {self.workspace.root}.")
        entry = QueueEntry(run=run.name, added_s=time.time())
        with self._changing() as entries:
            if any(known.run == run.name and not known.is_over for known in entries):
                raise BadInput(f"The run {run.name} is in the queue already.")
            entries[:] = [*(known for known in entries if known.run != run.name), entry]
        return entry

    def move(self, name: str, to: int) -> None:
        """Give a waiting run another place among those that wait; 0 is next. Raises MissingFile, BadInput."""
        with self._changing() as entries:
            entry = self._found(entries, name)
            if entry.state != "waiting":
                raise BadInput(f"The run {entry.run} is {entry.state}; only one that waits can be moved.")
            others = [known for known in entries if known.state == "waiting" and known != entry]
            others.insert(max(0, min(to, len(others))), entry)
            entries[:] = [known for known in entries if known.state != "waiting"] + others

    def remove(self, name: str) -> None:
        """Take a run out; the run itself stays. Raises MissingFile, BadInput where it is running."""
        with self._changing() as entries:
            entry = self._found(entries, name)
            if entry.state == "running":
                raise BadInput(f"The run {entry.run} is running.", hint=f"Stop it first: arny runs stop {entry.run}")
            entries.remove(entry)

    def forget_ended(self) -> None:
        """Take out the runs that have ended."""
        with self._changing() as entries:
            entries[:] = [entry for entry in entries if not entry.is_over]

    def take_next(self, may_start: Callable[[RunFolder], bool] = lambda _: True) -> QueueEntry | None:
        """Mark the first waiting run as running and give it; None where none waits, or where it may not start yet.

        Runs whose folder is gone are marked and passed over.
        """
        with self._changing() as entries:
            for index, entry in enumerate(entries):
                if entry.state != "waiting":
                    continue
                run = self.run_of(entry)
                if not run.recipe_path.is_file():
                    entries[index] = replace(entry, state="missing", sentence="Its run folder is gone.")
                    continue
                if not may_start(run):
                    return None
                entries[index] = replace(entry, state="running")
                return entries[index]
        return None

    def mark(self, name: str, state: EntryState, sentence: str = "") -> None:
        """Note how a run stands; nothing where it has been taken out meanwhile."""
        with self._changing() as entries:
            for index, entry in enumerate(entries):
                if entry.run == name:
                    entries[index] = replace(entry, state=state, sentence=sentence)

    def mark_ended(self, name: str, outcome: Outcome) -> None:
        """Note how a run ended."""
        self.mark(name, outcome.kind, outcome.sentence)

    def run_of(self, entry: QueueEntry) -> RunFolder:
        """The folder of an entry's run."""
        return RunFolder(self.workspace.runs / entry.run)

    def prepare(self, *, at_once: int = 1, python: str = "") -> RunFolder:
        """The folder on which `start_job("queue", …)` works the queue off, with its recipe written."""
        self.folder.path.mkdir(parents=True, exist_ok=True)
        recipe = QueueRecipe(title="Queue", workspace=str(self.workspace.root), at_once=at_once, python=python)
        self.folder.lock.refuse_if_in_use()
        write_text_atomically(self.folder.recipe_path, dump_recipe(recipe))
        return self.folder

    @contextmanager
    def _changing(self) -> Iterator[list[QueueEntry]]:
        """The entries to change in place; written where the block ends well and changed them."""
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with exclusive(self.folder.path / "queue.lock"):
            entries = self.entries()
            before = list(entries)
            yield entries
            if entries != before:
                text = msgspec.json.format(msgspec.json.encode(entries).decode(), indent=1)
                write_text_atomically(self.path, text + "\n")

    def _found(self, entries: list[QueueEntry], name: str) -> QueueEntry:
        matching = [entry for entry in entries if entry.run == name]
        matching = matching or [entry for entry in entries if name and entry.run.startswith(name)]
        if len(matching) != 1:
            what = "Several runs of the queue begin" if matching else "No run of the queue begins"
            raise MissingFile(f"{what} with {name!r}.", hint="List them with: arny queue list")
        return matching[0]
