"""`python -m arny_studio.workers.shapes FILE…`: what the memory of GGUF files depends on, as one JSON line on stdout.

A process of its own, because the files may be hostile and because it holds what a phone's process holds before any
model: `host_bytes` is its own resident set. Not a job: no folder, no events.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from arny_studio.errors import ArnyError


def main(paths: list[Path]) -> int:
    """Print shapes and errors, one entry per file in order; exit code 0 whatever the files are."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp prints is not part of the answer
    from arny_studio.engine import phone  # noqa: F401 - the host is measured with all that a phone imports
    from arny_studio.engine.watchdog import resident_set

    answer = {"host_bytes": resident_set().total, "models": [_described(path) for path in paths]}
    print(json.dumps(answer), file=answers, flush=True)
    return 0


def _described(path: Path) -> dict[str, Any]:
    from arny_studio.engine.gguf_check import check_gguf
    from arny_studio.engine.gguf_shape import model_shape

    try:
        return {"path": str(path), "shape": msgspec.to_builtins(model_shape(check_gguf(path)))}
    except ArnyError as error:
        return {"path": str(path), "problem": error.sentence}


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
