"""`python -m arny_studio.workers.inspect_gguf FILE`: what the header of a GGUF says, as one JSON line on stdout.

A process of its own, because the file may be hostile. Not a job: no folder, no events. Exit codes: 0 the header is
sound, 1 the file cannot be used.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from arny_studio.errors import ArnyError

_LONGEST_LIST = 32  # entries of a list that are shown; tokens and merges are longer


def main(path: Path) -> int:
    """Print what is known about the file."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp prints is not part of the answer
    try:
        answer = _described(path)
    except ArnyError as error:
        print(json.dumps({"error": error.sentence, "hint": error.hint, "kind": error.kind}), file=answers, flush=True)
        return 1
    print(json.dumps(answer), file=answers, flush=True)
    return 0


def _described(path: Path) -> dict[str, Any]:
    from arny_studio.engine.gguf_check import GgufArray, check_gguf

    info = check_gguf(path)
    types: dict[str, int] = {}
    for tensor in info.tensors:
        types[tensor.type] = types.get(tensor.type, 0) + 1
    shown = {
        key: info.values(key) if isinstance(value, GgufArray) else value
        for key, value in info.metadata.items()
        if not isinstance(value, GgufArray) or value.count <= _LONGEST_LIST
    }
    tokens = info.metadata.get("tokenizer.ggml.tokens")
    return {
        "path": str(path),
        "size_bytes": info.size_bytes,
        "version": info.version,
        "architecture": info.architecture,
        "parameters": info.parameters,
        "bits_per_weight": round(info.bits_per_weight, 3),
        "tensors": len(info.tensors),
        "tensor_types": types,
        "tokens": tokens.count if isinstance(tokens, GgufArray) else 0,
        "metadata": shown,
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
