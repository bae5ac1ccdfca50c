"""Emits numbers that are not finite, a last event out of turn, and finds problems."""

import math

from arny_studio.jobs.events import Finished, Log, Metric
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    emit(Metric(step=1, loss=math.nan, gradient_norm=math.inf))
    emit(Metric(step=2, loss=math.nan, learning_rate=0.1, epoch=math.nan))
    emit(Metric(step=3, loss=0.5, tokens_per_s=-math.inf))
    try:
        emit(Finished())
    except TypeError as error:
        emit(Log(text=str(error)))
    return Finished(found_problems=True)


run_program("evaluate", main)
