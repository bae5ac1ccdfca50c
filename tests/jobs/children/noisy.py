"""Prints on fd 1 in every way there is, and loses its input to a library that reads it."""

import ctypes
import os
import subprocess
import sys

from arny_studio.jobs.events import Finished, Log
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    os.write(1, b"noise by os.write\n")
    libc = ctypes.CDLL(None)
    libc.printf(b"noise by printf\n")
    libc.fflush(None)
    sys.stdout.write("noise by python\n")
    sys.stdout.flush()
    subprocess.run(["echo", "noise by a child"], check=True)
    emit(Log(text=f"stdin gave {sys.stdin.read()!r}"))
    return Finished(summary="Heard through the noise.")


run_program("train", main)
