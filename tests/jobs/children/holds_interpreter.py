"""Is stuck in a native call that never lets go of the interpreter's lock: no thread of Python's runs any more."""

import ctypes

from arny_studio.jobs.events import Progress
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    emit(Progress(done=1))
    ctypes.PyDLL(None).sleep(3600)


run_program("phone", main)
