"""Is stuck in a native call that never lets go of the interpreter's lock: no thread of Python's runs any more.

It waits for a mutex that it holds itself: unlike a sleep, no signal ends that.
"""

import ctypes

from arny_studio.jobs.events import Progress
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    emit(Progress(done=1))
    libc, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)  # zeros are a mutex nobody holds
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


run_program("phone", main)
