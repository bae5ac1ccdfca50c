"""`python -m arny_studio.workers.replay ORDER.json`: held-out prompts through one model; the answer is one JSON line.

A process of its own per model, so that its peak memory is that model's and llama.cpp and torch never share one. Not a
job: no folder, no events. Lines on stdout: `{"done", "total"}` as it goes, at the end `{"result"}` or `{"error"}`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import msgspec

from arny_studio.engine.output_files import disk_full_as_sentence
from arny_studio.engine.replay import ReplayOrder, ReplayResult, replay
from arny_studio.errors import ArnyError, BadInput, DiskFull
from arny_studio.jobs.interpreter import worker_command, worker_environment

_SAY_EVERY_S = 0.1
_WATCH_EVERY_S = 0.1


def main(order_file: Path) -> int:
    """Do what the file orders, and say it."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what llama.cpp and torch print is not part of the answer
    order = msgspec.json.decode(order_file.read_bytes(), type=ReplayOrder)
    try:
        result = replay(order, _sayer(answers))
    except ArnyError as error:
        _say(answers, error={"sentence": error.sentence, "hint": error.hint, "kind": error.kind})
        return 1
    _say(answers, result=msgspec.to_builtins(result))
    return 0


def replay_in_child(
    order: ReplayOrder, scratch: Path, on_progress: Callable[[int, int], None], watch: Callable[[], None]
) -> ReplayResult:
    """`replay` in a child process. `watch` is called ten times a second and may raise, which ends the child.

    Raises BadInput where the child cannot do it, or dies, and DiskFull where there is no room for its figures.
    """
    file, raw = scratch / f"order-{os.getpid()}.json", msgspec.json.encode(order)
    try:
        with disk_full_as_sentence(file, len(raw), "the order of a replay"):
            file.write_bytes(raw)
        return _followed(order, file, on_progress, watch)
    finally:
        file.unlink(missing_ok=True)


def _followed(
    order: ReplayOrder, file: Path, on_progress: Callable[[int, int], None], watch: Callable[[], None]
) -> ReplayResult:
    command = worker_command("replay", file, python=None, program=None)
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=complaints, text=True, env=worker_environment(None)
        )
        answer: dict[str, Any] = {}
        reading = threading.Thread(target=_listen, args=(child.stdout, answer), daemon=True)
        reading.start()
        try:
            _wait(reading, answer, on_progress, watch)
            child.wait()
        finally:
            child.kill()
            child.wait()
            reading.join()
            if child.stdout is not None:
                child.stdout.close()
        return _result(order, answer, child.returncode, complaints)


def _listen(lines: IO[str] | None, answer: dict[str, Any]) -> None:
    for line in lines or ():
        answer.update(json.loads(line))


def _wait(
    reading: threading.Thread,
    answer: dict[str, Any],
    on_progress: Callable[[int, int], None],
    watch: Callable[[], None],
) -> None:
    while reading.is_alive():
        reading.join(_WATCH_EVERY_S)
        watch()
        if answer.get("total"):
            on_progress(answer["done"], answer["total"])


def _result(order: ReplayOrder, answer: dict[str, Any], code: int, complaints: IO[bytes]) -> ReplayResult:
    name = Path(order.model).name
    if answer.get("error", {}).get("kind") == DiskFull.kind:
        raise DiskFull(answer["error"]["sentence"], hint=answer["error"]["hint"])
    if "error" in answer:
        raise BadInput(f"{name} could not be replayed: {answer['error']['sentence']}", hint=answer["error"]["hint"])
    if "result" not in answer:
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise BadInput(f"The process that replayed {name} ended with code {code}.", hint=last[0])
    return msgspec.convert(answer["result"], ReplayResult)


def _sayer(answers: IO[str]) -> Callable[[int, int], None]:
    said_s = 0.0

    def report(done: int, total: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= _SAY_EVERY_S:
            said_s = time.monotonic()
            _say(answers, done=done, total=total)

    return report


def _say(answers: IO[str], **values: Any) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
