"""Hears nothing: neither commands nor SIGTERM nor the end of its input."""

import os
import signal
import subprocess
import sys
import threading

from arny_studio.jobs.events import Checkpoint, Progress
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    emit(Checkpoint(step=1, path="checkpoints/1"))
    if "ARNY_TEST_GRANDCHILD" in os.environ:
        grandchild = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        (folder.outputs / "grandchild").write_text(str(grandchild.pid))
    emit(Progress(done=1))
    threading.Event().wait()


run_program("phone", main, detached="ARNY_TEST_DETACHED" in os.environ)
