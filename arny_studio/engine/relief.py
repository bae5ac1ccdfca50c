"""What to change in a recipe that takes too much memory: the change that fits and costs the training least."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import structs

from arny_studio.recipe import TrainRecipe

SHORTEST = 64


def fitting_change(
    recipe: TrainRecipe, bytes_of: Callable[[TrainRecipe], int], available: int, *, on_gpu: bool
) -> dict[str, Any] | None:
    """The fields to change so that `bytes_of` comes under `available`; None where nothing here would help.

    Cheapest first: recomputing activations, smaller batches accumulated to the same step, four bits, shorter rows.
    """
    for changed in _ever_smaller(recipe, on_gpu=on_gpu):
        if bytes_of(changed) <= available:
            return _differences(recipe, changed)
    return None


def next_change(recipe: TrainRecipe, *, on_gpu: bool) -> dict[str, Any]:
    """The first of those changes, where no estimate is at hand; empty where the recipe is as small as it gets."""
    changed = next(_ever_smaller(recipe, on_gpu=on_gpu), recipe)
    return _differences(recipe, changed)


def change_in_words(change: dict[str, Any]) -> str:
    """`set batch_size = 2 and gradient_accumulation = 8`, with what it costs."""
    if not change:
        return "train on a machine with more memory, or take a smaller base"
    fields = " and ".join(f"{name} = {str(value).lower()}" for name, value in change.items())
    costs = []
    if change.get("gradient_checkpointing"):
        costs.append("slower")
    if "max_seq_length" in change:
        costs.append("longer rows are cut")
    elif "load_in_4bit" not in change:
        costs.append("same result")
    return f"set {fields}" + (f" ({', '.join(costs)})" if costs else "")


def _ever_smaller(recipe: TrainRecipe, *, on_gpu: bool) -> Iterator[TrainRecipe]:
    """The recipe after one change, after two, …"""
    if on_gpu and not recipe.gradient_checkpointing:
        recipe = structs.replace(recipe, gradient_checkpointing=True)
        yield recipe
    while recipe.batch_size > 1:
        half = recipe.batch_size // 2
        accumulation = recipe.gradient_accumulation * recipe.batch_size // half
        recipe = structs.replace(recipe, batch_size=half, gradient_accumulation=accumulation)
        yield recipe
    if on_gpu and not recipe.load_in_4bit:
        recipe = structs.replace(recipe, load_in_4bit=True)
        yield recipe
    while recipe.max_seq_length > SHORTEST:
        recipe = structs.replace(recipe, max_seq_length=max(SHORTEST, recipe.max_seq_length // 2))
        yield recipe


def _differences(before: TrainRecipe, after: TrainRecipe) -> dict[str, Any]:
    names = (field.name for field in structs.fields(TrainRecipe))
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
