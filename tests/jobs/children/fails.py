"""Fails in the way its second environment word names: `ARNY_TEST_FAILURE`."""

import errno
import os
import sys

from arny_studio.errors import BadRecipe, MemoryCap
from arny_studio.jobs.program import run_program


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


def main(folder, emit, inbox):
    match os.environ["ARNY_TEST_FAILURE"]:
        case "recipe":
            raise BadRecipe("Key 'lr' is not known.", hint="Did you mean 'learning_rate'?")
        case "cap":
            raise MemoryCap("Tier-2 does not fit under the cap.")
        case "memory":
            raise MemoryError
        case "torch_memory":
            raise OutOfMemoryError("CUDA out of memory")
        case "missing":
            open(folder.path / "nowhere.gguf").close()  # noqa: PTH123
        case "module":
            import no_such_library_anywhere  # noqa: F401
        case "disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.path / "model.gguf"))
        case "nothing":
            return
        case "exit":
            sys.exit(7)
    raise ZeroDivisionError("the bug")


run_program("train", main)
