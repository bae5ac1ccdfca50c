"""A training worker as a process of its own, and a recipe short enough to train it again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from arny_studio.jobs.events import AnyEvent, Metric
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.wire import decode_event
from arny_studio.recipe import TrainRecipe
from tests.tiny_models import make_tiny_base

STEPS = 36
ROOT = Path(__file__).parents[2]


def short_recipe(folder: Path) -> TrainRecipe:
    """A tiny base and a few rows, made in `folder`: 36 steps, a checkpoint every 4."""
    base = make_tiny_base(folder / "base", layers=1)
    data = folder / "train.jsonl"
    data.write_text("\n".join(json.dumps(sample(number)) for number in range(20)), encoding="utf-8")
    return TrainRecipe(
        base=str(base), train_data=str(data), batch_size=2, gradient_accumulation=1, max_steps=STEPS, epochs=100,
        lora_r=4, lora_dropout=0.1, learning_rate=5e-3, max_seq_length=128, optimizer="adamw", load_in_4bit=False,
        save_steps=4,
    )  # fmt: skip


def sample(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"{number} and some words to make a step last a little longer"},
            {"role": "assistant", "content": json.dumps({"answer": 2 * number})},
        ]
    }


class Worker:
    """A training worker on a folder; iterating gives its events as they come."""

    def __init__(self, folder: RunFolder, *, program: Sequence[str] = ("-m", "arny_studio.workers.train")) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *program, str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": _search_path()},
            start_new_session=True,
        )
        self.seen: list[AnyEvent] = []

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def events(self) -> Iterator[AnyEvent]:
        for line in self.process.stdout:
            self.seen.append(decode_event(line, strict=True))
            yield self.seen[-1]

    def until(self, reached: Callable[[AnyEvent], bool]) -> AnyEvent:
        return next(event for event in self.events() if reached(event))

    def to_the_end(self) -> int:
        for _ in self.events():
            pass
        return self.process.wait(timeout=60)


def train_until(point: str, count: int = 1) -> tuple[str, ...]:
    """The program of a worker that is killed when it comes to a named point for the `count`-th time."""
    return (str(ROOT / "tests" / "workers" / "children" / "train_until.py"), point, str(count))


def _search_path() -> str:
    return os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)]).strip(os.pathsep)


def at_step(step: int) -> Callable[[AnyEvent], bool]:
    return lambda event: isinstance(event, Metric) and event.step >= step


def adapter_of(outputs: Path) -> dict[str, Any]:
    return load_file(outputs / "adapter" / "adapter_model.safetensors")
