"""Writes to stderr, then dies by the signal in `ARNY_TEST_SIGNAL`."""

import os
import signal
import sys

from arny_studio.jobs.events import Metric
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    emit(Metric(step=1, loss=2.0))
    for number in range(30):
        sys.stderr.write(f"line {number}\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.Signals[os.environ["ARNY_TEST_SIGNAL"]])
    signal.pause()


run_program("train", main)
