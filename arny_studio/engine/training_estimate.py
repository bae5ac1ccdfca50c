"""What a training will take on this machine, by formulas: steps, seconds, memory by part, room on the disk.

Needs no torch. Past runs correct these raw figures where they are shown (`jobs/estimates.py`).
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil
from msgspec import Struct

from arny_studio.engine.base_model import Placement, placement_on, read_config
from arny_studio.engine.gpus import GpuFacts, gpu_facts
from arny_studio.engine.training_data import TrainingRows
from arny_studio.engine.training_memory import Numbers, Shape, memory_parts
from arny_studio.engine.training_plan import batches_of, disk_of, epochs_of, steps_of, work_of
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.preflight import MemoryPart

CPU_EFFICIENCY = 0.35  # of a plain matrix product's speed, that a training step on a CPU reaches
GPU_EFFICIENCY = 0.35  # of the peak that the maker states, likewise
STEP_OVERHEAD_S = 0.012  # of the trainer, per forward pass
_GPU_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12, "L4": 121e12, "T4": 65e12, "V100": 112e12}
_UNKNOWN_GPU_PEAK = 30e12
_MATRIX = 512


class Plan(Struct, frozen=True, kw_only=True):
    """What a training will come to: the raw estimates, before past runs correct them."""

    steps: int
    epochs: float
    seconds: float
    memory_parts: list[MemoryPart]
    disk_bytes: int

    @property
    def memory_bytes(self) -> int:
        """The parts together."""
        return sum(part.bytes for part in self.memory_parts)


def plan_training(
    recipe: TrainRecipe, base: Path, placement: Placement, train: TrainingRows, validation: TrainingRows | None
) -> Plan:
    """The raw estimates. Raises KeyError where the base's config.json describes no decoder that we know."""
    shape = Shape.of(read_config(base))
    numbers = _numbers(placement, base)
    batches = batches_of(train, recipe)
    steps = steps_of(batches, recipe)
    epochs = epochs_of(batches, recipe)
    rounds = 1 + (steps // recipe.eval_steps if recipe.eval_steps else 0)
    scored = validation.tokens * rounds if validation else 0
    scored += _answered_tokens(recipe, steps)
    row_tokens = train.tokens / max(1, len(train.rows))
    work = work_of(shape, recipe, batches.tokens * epochs, scored, row_tokens, numbers)
    passes = steps * recipe.gradient_accumulation
    seconds = work / (_speed() * recipe.processes) + passes * STEP_OVERHEAD_S
    limit = recipe.max_minutes * 60 or seconds
    return Plan(
        steps=steps,
        epochs=epochs,
        seconds=min(seconds, limit),
        memory_parts=memory_parts(shape, recipe, batches.heaviest, numbers),
        disk_bytes=disk_of(shape, recipe, numbers),
    )


def placement_here(recipe: TrainRecipe, base: Path, gpus: list[GpuFacts]) -> Placement:
    """How the training would be placed on this machine, without importing torch. Raises as `placement_on`."""
    return placement_on(
        has_cuda=bool(gpus),
        has_bf16=bool(gpus) and gpus[0].has_bf16,
        load_in_4bit=recipe.load_in_4bit,
        optimizer_8bit=recipe.optimizer == "adamw_8bit",
        gradient_checkpointing=recipe.gradient_checkpointing,
        folder=base,
    )


def available_memory(gpus: list[GpuFacts]) -> int:
    """Bytes that a training could take now: the first GPU's free memory, else the machine's."""
    return gpus[0].free_bytes if gpus else psutil.virtual_memory().available


def _numbers(placement: Placement, base: Path) -> Numbers:
    return Numbers(
        is_cuda=placement.device == "cuda",
        is_4bit=placement.quantize or "quantization_config" in read_config(base),
        is_8bit_optimizer=placement.optimizer == "adamw_8bit",
        is_checkpointed=placement.gradient_checkpointing,
    )


def _answered_tokens(recipe: TrainRecipe, steps: int) -> int:
    """Forward passes of the answers to held-out prompts, most of which are decisions of some 100 tokens."""
    return steps // recipe.answer_steps * recipe.answer_rows * 100 if recipe.answer_steps else 0


def _speed() -> float:
    """Floating-point operations a second that a training reaches here."""
    gpus = gpu_facts()
    if gpus:
        peak = next((value for name, value in _GPU_PEAKS.items() if name in gpus[0].name), _UNKNOWN_GPU_PEAK)
        return GPU_EFFICIENCY * peak
    return CPU_EFFICIENCY * _matrix_speed()


def _matrix_speed() -> float:
    """What a plain product of 32-bit matrices reaches, the best of five."""
    matrix = np.ones((_MATRIX, _MATRIX), np.float32)
    out = matrix @ matrix
    best_s = float("inf")
    for _ in range(5):
        began_s = time.perf_counter()
        np.matmul(matrix, matrix, out=out)
        best_s = min(best_s, time.perf_counter() - began_s)
    return 2 * _MATRIX**3 / best_s
