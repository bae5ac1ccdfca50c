"""Closes its pipe in the middle, as after a reader that hung, and goes on by its log alone."""

from arny_studio.jobs.events import Finished, Metric
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    for step in range(1, 11):
        emit(Metric(step=step, loss=1.0))
        if step == 5:
            emit._pipe.close()
    inbox.next_command()
    return Finished(summary="Told by the log.")


run_program("train", main)
