"""Sends 200 lines of 150 kB, and one odd line around the protocol's own."""

from arny_studio.jobs.events import Finished, Log
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    for number in range(200):
        emit(Log(text=f"{number}:" + "é" * 75_000))
    return Finished()


run_program("data", main)
