from __future__ import annotations

import os
import subprocess
import sys

import psutil

from arny_studio.jobs.processes import identity_of, is_same_process, kill, kill_group, resident_bytes, terminate
from tests.jobs.driving import is_alive, wait_until

PAUSE = "import signal; signal.pause()"


def test_that_an_identity_belongs_to_one_living_process() -> None:
    process = subprocess.Popen([sys.executable, "-c", PAUSE])
    identity = identity_of(process.pid)
    assert identity is not None and identity == identity_of(process.pid) != identity_of(os.getpid())
    assert is_same_process(process.pid, identity)
    terminate(process.pid)
    wait_until(lambda: not is_alive(process.pid), "its end")
    assert identity_of(process.pid) is None, "a zombie is nobody"
    process.wait()
    assert identity_of(process.pid) is None
    assert not is_same_process(os.getpid(), identity)


def test_that_signals_to_the_gone_are_silent() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    for end in (terminate, kill, kill_group):
        end(process.pid)


def test_that_a_session_ends_with_those_that_made_a_group_of_their_own() -> None:
    code = (
        "import os, signal, sys\n"
        "pid = os.fork()\n"
        "if pid == 0: os.setpgid(0, 0); print(os.getpid(), flush=True); signal.pause()\n"
        "signal.pause()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    kill_group(process.pid)
    process.communicate()
    wait_until(lambda: not is_alive(grandchild), "the end of the grandchild")


def test_that_the_resident_set_is_that_of_this_process() -> None:
    measured = resident_bytes()
    assert measured is not None
    assert 0.5 < measured / psutil.Process().memory_info().rss < 2
