"""Writes more than the file-size limit in `ARNY_TEST_LIMIT` allows: to its output, or to its log."""

import os
import resource

from arny_studio.jobs.events import Finished, Log
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    limit = int(os.environ["ARNY_TEST_LIMIT"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if "ARNY_TEST_LOG" in os.environ:
        for _ in range(1000):
            emit(Log(text="x" * 10_000))
    (folder.outputs / "model.gguf").write_bytes(bytes(limit + 1))
    return Finished()


run_program("export", main)
