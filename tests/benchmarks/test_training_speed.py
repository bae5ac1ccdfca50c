"""The training worker against a plain TRL script on the same rows in the same order, on the demo base.

Three rounds of each, taken in turns, medians compared; the losses are checked equal before any time is.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import Struct, structs

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import generated_rows
from arny_studio.dataset.samples import write_jsonl
from arny_studio.engine.rendering import Renderer
from arny_studio.engine.training_data import epoch_order, pack, read_training_rows
from arny_studio.jobs.events import Metric, Result
from arny_studio.jobs.folder import RunFolder
from arny_studio.paths import DEMO_BASE
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.presets import preset
from tests.workers.training import Worker

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

ROUNDS = 3
PLAIN = Path(__file__).with_name("plain_trl.py")


class Measured(Struct, frozen=True):
    """One training: seconds from start to the first loss, seconds in training, tokens, and the losses."""

    start_s: float
    train_s: float
    tokens: int
    losses: list[float]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> TrainRecipe:
    """The CPU demo preset over 160 generated routing rows, without a limit in minutes."""
    data = tmp_path_factory.mktemp("data") / "train.jsonl"
    write_jsonl(data, generated_rows("tier1", 160, seed=5, contract=load_contract("router-v1")))
    return preset(
        "demo-tier1", train_data=str(data), max_minutes=0, epochs=100, max_steps=40, save_steps=1000, lora_dropout=0.0
    )


def columns_in_order(recipe: TrainRecipe, *, packing: bool) -> tuple[dict[str, Any], list[int]]:
    """The rows of the first epoch as TRL takes them, and the tokens of each.

    Packs come in the worker's order, so that both sides see the same; single rows shuffled, as TRL's own sampler does.
    """
    found = read_training_rows(
        Path(recipe.train_data), Renderer.from_folder(DEMO_BASE), max_length=recipe.max_seq_length, say=lambda _: None
    )
    groups = pack(found.lengths, recipe.max_seq_length) if packing else [[n] for n in range(len(found.rows))]
    sizes = [sum(len(found.rows[n].ids) for n in group) for group in groups]
    shuffled = np.random.default_rng(recipe.seed).permutation(len(groups)).tolist()
    order = epoch_order(sizes, recipe.batch_size, seed=recipe.seed, epoch=0) if packing else shuffled
    columns: dict[str, Any] = {"input_ids": [], "labels": []}
    for index in order:
        columns["input_ids"].append(np.concatenate([found.rows[n].ids for n in groups[index]]).tolist())
        columns["labels"].append(np.concatenate([found.rows[n].labels for n in groups[index]]).tolist())
    if packing:
        columns["seq_lengths"] = [[len(found.rows[n].ids) for n in groups[index]] for index in order]
    return columns, [sizes[index] for index in order]


def plain(recipe: TrainRecipe, folder: Path) -> Measured:
    """The plain script over as many steps as the first epoch has."""
    columns, sizes = columns_in_order(recipe, packing=recipe.packing)
    spec = {
        "base": str(DEMO_BASE), "columns": columns, "r": recipe.lora_r, "alpha": recipe.lora_alpha,
        "targets": list(recipe.target_modules), "folder": str(folder / "plain"), "batch_size": recipe.batch_size,
        "steps": recipe.max_steps, "rate": recipe.learning_rate, "warmup": recipe.warmup_steps,
        "packing": recipe.packing, "length": recipe.max_seq_length, "seed": recipe.seed,
    }  # fmt: skip
    file = folder / "spec.json"
    file.write_text(json.dumps(spec))
    began_s = time.perf_counter()
    with subprocess.Popen([sys.executable, str(PLAIN), str(file)], stdout=subprocess.PIPE, env=quiet()) as process:
        assert process.stdout is not None
        start_s, last = 0.0, {}
        for line in process.stdout:
            if line.startswith(b'{"'):  # the trainer prints its own dictionaries too
                start_s = start_s or time.perf_counter() - began_s
                last = json.loads(line)
    tokens = sum(sizes[: recipe.max_steps * recipe.batch_size])
    return Measured(start_s, last["train_s"], tokens, last["losses"])


def worker(recipe: TrainRecipe, folder: Path) -> Measured:
    """The training worker with everything it says on the way."""
    began_s = time.perf_counter()
    with Worker(RunFolder.create(folder / "run", recipe)) as running:
        running.until(lambda event: isinstance(event, Metric))
        start_s = time.perf_counter() - began_s
        assert running.to_the_end() == 0
    (figures,) = [event.values for event in running.seen if isinstance(event, Result) and event.name == "training"]
    losses = [event.loss for event in running.seen if isinstance(event, Metric) and event.loss is not None]
    return Measured(start_s, figures["trained_s"], figures["tokens"], losses)


def quiet() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}


def in_turns(
    first: Callable[[Path], Measured], second: Callable[[Path], Measured], folder: Path
) -> tuple[list[Measured], list[Measured]]:
    """Both sides in turns, so that a busy minute falls on both."""
    results: tuple[list[Measured], list[Measured]] = ([], [])
    for number in range(ROUNDS):
        for side, measure in enumerate((first, second)):
            place = folder / f"{number}-{side}"
            place.mkdir()
            results[side].append(measure(place))
    return results


def median(runs: list[Measured], field: str) -> float:
    return statistics.median(getattr(run, field) for run in runs)


def test_that_the_worker_costs_no_more_than_a_plain_script(recipe: TrainRecipe, tmp_path: Path):
    recipe = structs.replace(recipe, max_steps=len(columns_in_order(recipe, packing=True)[1]))  # one epoch
    plains, workers = in_turns(lambda place: plain(recipe, place), lambda place: worker(recipe, place), tmp_path)
    np.testing.assert_allclose(workers[0].losses, plains[0].losses, rtol=2e-3)
    training = median(workers, "train_s") / median(plains, "train_s")
    starting = median(workers, "start_s") / median(plains, "start_s")
    sys.stdout.write(
        f"\nworker / plain TRL: training {training:.3f} ({median(workers, 'train_s'):.1f} / "
        f"{median(plains, 'train_s'):.1f} s), start to first loss {starting:.3f} "
        f"({median(workers, 'start_s'):.1f} / {median(plains, 'start_s'):.1f} s)\n"
    )
    assert training <= 1.01
    assert starting <= 1.1


def test_that_packs_are_faster_than_trls_padded_batches(recipe: TrainRecipe, tmp_path: Path):
    """Packs of 512, one at a time, by the worker; TRL's padding, four rows at a time, by the plain script."""
    packs = columns_in_order(recipe, packing=True)[1]
    packed = structs.replace(recipe, max_steps=len(packs), learning_rate=1e-12, validation_data=recipe.train_data)
    padded = structs.replace(packed, packing=False, batch_size=4, max_steps=40)
    in_padding, in_packs = in_turns(lambda place: plain(padded, place), lambda place: worker(packed, place), tmp_path)
    assert in_padding[0].tokens == in_packs[0].tokens  # one epoch of the same rows
    assert loss_per_token(padded, in_padding[0]) == pytest.approx(loss_per_token(packed, in_packs[0]), rel=1e-3)
    speeds = [statistics.median(run.tokens / run.train_s for run in runs) for runs in (in_padding, in_packs)]
    sys.stdout.write(
        f"\npacked {speeds[1]:,.0f} against padded {speeds[0]:,.0f} tokens/s: {speeds[1] / speeds[0]:.2f}\n"
    )
    assert speeds[1] >= 1.2 * speeds[0]


def loss_per_token(recipe: TrainRecipe, run: Measured) -> float:
    """The mean over all supervised tokens of the epoch, from the means of the steps (the rate is as good as 0)."""
    columns, _ = columns_in_order(recipe, packing=recipe.packing)
    counts = [sum(label != -100 for label in labels[1:]) for labels in columns["labels"]]
    size = recipe.batch_size
    steps = [sum(counts[start : start + size]) for start in range(0, len(counts), size)]
    return sum(loss * count for loss, count in zip(run.losses, steps, strict=True)) / sum(steps)
