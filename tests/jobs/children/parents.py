"""Leaves grandchildren: one by subprocess, one forked and holding all of its descriptors."""

import os
import signal
import subprocess
import sys

from arny_studio.jobs.events import Finished, Log
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    forked = os.fork()
    if forked == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    emit(Log(text=f"{grandchild.pid} {forked}"))
    if "ARNY_TEST_WAIT" in os.environ:
        signal.pause()
    return Finished()


run_program("train", main)
