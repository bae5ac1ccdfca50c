"""Takes for ever to save, but stops at once when it is told so."""

from arny_studio.jobs.commands import Stop
from arny_studio.jobs.events import Metric, Stopped
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    emit(Metric(step=1, loss=1.0))
    while inbox.next_command() != Stop(mode="now"):
        pass
    return Stopped(summary="Stopped, now.")


run_program("train", main)
