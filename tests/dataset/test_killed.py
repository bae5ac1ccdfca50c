"""The app is killed at any moment, also while it saves: the file is whole, and nothing that was committed is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arny_studio.dataset.document import Document
from tests.dataset.documents import rows_of, written
from tests.dataset.killed_editor import DONE, SAVING, Model, deeds

REPOSITORY = Path(__file__).parents[2]


class Trials:
    """One process that forks editors; each is killed after a random number of marks, and what it left is judged."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes]) -> None:
        self._path = path
        self._process = process
        self.killed_while_saving = 0

    def run(self, seed: int) -> None:
        """Let an editor work, kill it, and open what it left."""
        chance = random.Random(seed)
        document = Document.open(self._path)
        on_disk, shown = rows_of(self._path), list(document.rows())
        document.close()
        done, was_saving = self._killed(seed, chance)
        self.killed_while_saving += was_saving
        self._judge(seed, done, on_disk, shown)

    def _killed(self, seed: int, chance: random.Random) -> tuple[int, bool]:
        """Start an editor and kill it; how many deeds it is known to have done, and whether it was saving then."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{seed} {self._path}\n".encode())
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        wanted = chance.randrange(1, 60)
        mark, done = b"", 0
        while done < wanted or (chance.random() < 0.7 and mark != SAVING):
            mark = self._process.stdout.read(1)
            done += mark == DONE
            if mark in (b"!", b""):
                break
        moment = time.perf_counter() + chance.choice((0, chance.random() * 0.003))
        while time.perf_counter() < moment:
            pass
        os.kill(pid, signal.SIGKILL)
        rest = self._process.stdout.readline()
        assert rest.endswith(b"!\n")
        return done + rest.count(DONE), (mark + rest.rstrip(b"!\n")).endswith(SAVING)

    def _judge(self, seed: int, done: int, on_disk: list[bytes], shown: list[bytes]) -> None:
        model, states, saved = Model(shown), [shown], [on_disk]
        for number, deed in enumerate(deeds(seed)):
            model.do(*deed)
            states.append(model.rows)
            if deed[0] == "save":
                saved.append(model.rows)
            if number > done:  # one deed more than is known: the mark of the last one may be missing
                break
        found = rows_of(self._path)
        assert found in saved, "the file is neither as it was nor as it was saved"
        document = Document.open(self._path)
        assert not document.is_read_only
        assert list(document.rows()) in states[done:], "something committed is lost"
        assert not list(self._path.parent.glob(".*.saving"))
        document.close()


@pytest.fixture
def trials(folder):
    path = written(folder / "d.jsonl", [b'{"row": %d, "text": "%s"}' % (n, b"x" * 400) for n in range(1500)])
    command = [sys.executable, "-m", "tests.dataset.killed_editor"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY) as process:
        yield Trials(path, process)
        process.stdin.close()


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_that_an_editor_killed_at_any_moment_leaves_a_whole_file_and_every_committed_edit(trials, count):
    for seed in range(count):
        trials.run(seed)
    assert trials.killed_while_saving > 0
