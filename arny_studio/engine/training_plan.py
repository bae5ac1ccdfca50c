"""What a training will come to, from its rows and its recipe: steps, heaviest batch, arithmetic, room on the disk."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct

from arny_studio.engine.rendering import IGNORED
from arny_studio.engine.training_data import Row, TrainingRows, pack
from arny_studio.engine.training_memory import FLOAT, Load, Numbers, Shape
from arny_studio.recipe import TrainRecipe

KEPT_CHECKPOINTS = 2
_CHECKPOINT_EXTRAS = 2 << 20  # trainer state, random states, scheduler, manifest


class Batches(Struct, frozen=True):
    """The batches of one epoch: how many forward passes, how many tokens with padding, and the heaviest."""

    passes: int
    tokens: int
    heaviest: Load


def batches_of(found: TrainingRows, recipe: TrainRecipe) -> Batches:
    """How the rows fall into batches, packed where the recipe packs."""
    cut = [min(length, recipe.max_seq_length) for length in found.lengths]  # a shorter limit than they were read with
    groups = pack(cut, recipe.max_seq_length) if recipe.packing else [[n] for n in range(len(found.rows))]
    lengths = np.array([sum(cut[n] for n in group) for group in groups])
    supervised = np.array([sum(_supervised(found.rows[n]) for n in group) for group in groups])
    passes = math.ceil(len(groups) / (recipe.batch_size * recipe.processes))
    return Batches(passes, int(lengths.sum()), _heaviest(lengths, supervised, recipe.batch_size))


def steps_of(batches: Batches, recipe: TrainRecipe) -> int:
    """Optimizer steps of the run, as transformers' Trainer counts them; a limit in minutes may end it earlier."""
    if recipe.max_steps:
        return recipe.max_steps
    per_epoch = max(1, math.ceil(batches.passes / recipe.gradient_accumulation))
    return math.ceil(recipe.epochs * per_epoch)


def epochs_of(batches: Batches, recipe: TrainRecipe) -> float:
    """Passes over the data that `steps_of` comes to."""
    return steps_of(batches, recipe) * recipe.gradient_accumulation / max(1, batches.passes)


def work_of(
    shape: Shape, recipe: TrainRecipe, trained: float, scored: float, row_tokens: float, numbers: Numbers
) -> float:
    """Floating-point operations of a run that trains on `trained` tokens and only scores `scored` ones.

    2 per weight and token forward, 2 more for the gradient of the inputs; the frozen weights have none of their own
    (Kaplan et al. 2020, arXiv:2001.08361, §2.1, with that third left out). Checkpointing runs forward twice. Attention
    adds 4·d per token pair and layer, half of them hidden by causality.
    """
    forward = 2.0 * (shape.block_weights + shape.vocab * shape.hidden) + 2.0 * shape.layers * shape.queries * row_tokens
    adapter = 6.0 * shape.adapter_weights(recipe)
    each = (3 if numbers.is_checkpointed else 2) * forward + adapter
    return trained * each + scored * forward


def disk_of(shape: Shape, recipe: TrainRecipe, numbers: Numbers, *, download_bytes: int = 0) -> int:
    """Bytes that checkpoints, adapter and (where it has to be brought) the base take.

    Two checkpoints are kept while a third is written; each holds adapter and moments. The adapter is saved once more,
    and once more where the best is kept.
    """
    adapter = shape.adapter_weights(recipe)
    checkpoint = adapter * (FLOAT + (2 if numbers.is_8bit_optimizer else 8)) + _CHECKPOINT_EXTRAS
    copies = 2 if recipe.keep_best_by else 1
    return (KEPT_CHECKPOINTS + 1) * checkpoint + copies * adapter * FLOAT + download_bytes


def _supervised(row: Row) -> int:
    return int((row.labels[1:] != IGNORED).sum())


def _heaviest(lengths: np.ndarray, supervised: np.ndarray, batch_size: int) -> Load:
    """The batch of the longest rows, which the first epoch begins with; padded to the longest of them."""
    order = np.argsort(-lengths, kind="stable")[:batch_size]
    return Load(tokens=int(lengths[order[0]]) * len(order), supervised=int(supervised[order].sum()))
