"""Hears neither commands nor SIGTERM."""

import signal
import threading

from arny_studio.jobs.events import Metric
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    emit(Metric(step=1, loss=1.0))
    threading.Event().wait()


run_program("train", main, detached=True)
