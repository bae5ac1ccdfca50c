"""`python -m arny_studio.workers.inspect_gguf FILE [--verify]`: judge one GGUF and say it as one JSON line on stdout.

A process of its own, because the file may be hostile and llama.cpp may abort on it. Not a job: no folder, no events.
Exit codes: 0 the file is sound, 1 it cannot be used, 4 it is readable but not what it should be.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from arny_studio.errors import ArnyError

_SHOWN_KEYS = ("general.", "qwen2.", "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.chat_template")


def main(path: Path, *, with_data: bool) -> int:
    """Print what is known about the file; the exit code says whether it is sound."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp prints is not part of the answer
    try:
        answer = _described(path)
        if with_data:
            answer["checks"] = _checks(path)
    except ArnyError as error:
        print(json.dumps({"error": error.sentence, "hint": error.hint, "kind": error.kind}), file=answers, flush=True)
        return 1
    print(json.dumps(answer), file=answers, flush=True)
    return 4 if any(not check["passed"] for check in answer.get("checks", ())) else 0


def _described(path: Path) -> dict[str, Any]:
    from arny_studio.engine.gguf_check import GgufArray, check_gguf

    info = check_gguf(path)
    types: dict[str, int] = {}
    for tensor in info.tensors:
        types[tensor.type] = types.get(tensor.type, 0) + 1
    shown = {
        key: value
        for key, value in info.metadata.items()
        if key.startswith(_SHOWN_KEYS) and not isinstance(value, GgufArray)
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


def _checks(path: Path) -> list[dict[str, Any]]:
    from arny_studio.engine.gguf_verify import verify_gguf

    return [{"name": check.name, "passed": check.passed, "says": check.says} for check in verify_gguf(path)]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), with_data="--verify" in sys.argv[2:]))
