"""What llama.cpp has to say: one log callback per process, since the library knows only one.

Warnings and errors are kept for sentences about failures and go to stderr; the rest is dropped.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from arny_studio.errors import MissingExtra

_WARNING, _ERROR, _CONTINUED = 3, 4, 5  # ggml_log_level; the last goes on with the line before
_KEPT_LINES = 40
_WANTED = "dummy tokens"  # a warning that a vocabulary was left out, which is on purpose here

_lines: list[str] = []
_level = 0
_callback: Any = None  # kept, since llama.cpp calls it for as long as the process lives


def llama_cpp_library(purpose: str) -> Any:
    """The llama_cpp module. Raises MissingExtra, naming the purpose it is needed for."""
    try:
        import llama_cpp
    except ImportError as error:
        raise MissingExtra("llama-cpp-python", "infer", purpose) from error
    return llama_cpp


def route_llama_log() -> list[str]:
    """Catch llama.cpp's log from now on; the list that is returned holds its newest warnings and errors."""
    global _callback
    if _callback is None:
        llama = llama_cpp_library("Running llama.cpp")
        _callback = llama.llama_log_callback(_on_log)
        llama.llama_log_set(_callback, ctypes.c_void_p(0))
    return _lines


def _on_log(level: int, text: bytes, _user_data: object) -> None:
    global _level
    _level = _level if level == _CONTINUED else level
    if _level not in (_WARNING, _ERROR):
        return
    line = text.decode("utf-8", errors="replace").strip()
    if line and not line.endswith(_WANTED):
        _lines.append(line)
        del _lines[:-_KEPT_LINES]
        sys.stderr.write(f"llama.cpp: {line}\n")
