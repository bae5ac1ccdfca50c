"""The llama.cpp library, loaded once per process: its functions, its failure, and how its threads wait."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from arny_studio.engine.llama_log import route_llama_log
from arny_studio.errors import ArnyError, MissingExtra

# Threads that spin for long at every barrier take the core from whoever they wait for: on a busy 2-core machine two such
# llama threads needed 560 ms for a token, with this limit 200, one thread alone 73; on an idle one it costs nothing
# (44 ms against 41, and 67 without any spinning). Read once, when the library is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "500")

try:
    from llama_cpp import llama_cpp as _bindings
except ImportError as _error:
    raise MissingExtra("llama-cpp-python", "infer", "Running a model") from _error

lib: Any = _bindings  # its annotations know nothing of ctypes' conversions

_backend_started = False


class LlamaFailure(ArnyError):
    """llama.cpp could not do what it was asked; the sentence carries its own last words."""

    kind = "library"


def start_backend() -> None:
    """Begin to use llama.cpp; once per process, further calls do nothing."""
    global _backend_started
    route_llama_log()
    if not _backend_started:
        lib.llama_backend_init()
        _backend_started = True


def give_back_freed() -> None:
    """Return to the system what reading a header left behind in the allocator (7 MiB for 151,936 tokens); glibc only."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name != "nt" else None
    if trim is not None:
        trim(0)


def last_word() -> str:
    """What llama.cpp said last, of warnings and errors."""
    said = [line for line in route_llama_log() if line.strip(".")]
    return said[-1] if said else "it gave no reason"
