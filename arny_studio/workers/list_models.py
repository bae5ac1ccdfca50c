"""`python -m arny_studio.workers.list_models FOLDER …`: the models below some folders, as one JSON line on stdout.

A process of its own, because the files may be hostile. Not a job: no folder, no events.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec


def main(roots: list[Path]) -> int:
    """Print what lies below the roots."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print is not part of the answer
    from arny_studio.engine.model_listing import models_below

    line = msgspec.json.encode({"models": models_below(roots)}) + b"\n"
    with os.fdopen(answers, "wb") as out:
        out.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
