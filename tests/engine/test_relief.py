"""What to change where memory does not suffice: the cheapest change that fits."""

from __future__ import annotations

from arny_studio.engine.relief import change_in_words, fitting_change, next_change
from arny_studio.recipe import TrainRecipe

RECIPE = TrainRecipe(
    base="b", train_data="d", batch_size=4, gradient_accumulation=4, load_in_4bit=False, gradient_checkpointing=False
)


def bytes_of(recipe: TrainRecipe) -> int:
    """A made-up cost: rows held at once, a base that four bits halve, activations that checkpointing quarters."""
    activations = recipe.batch_size * recipe.max_seq_length // (4 if recipe.gradient_checkpointing else 1)
    return activations + (1000 if recipe.load_in_4bit else 2000)


def change(available: int, *, on_gpu: bool = True) -> dict[str, object] | None:
    return fitting_change(RECIPE, bytes_of, available, on_gpu=on_gpu)


def test_that_the_first_change_that_fits_is_taken():
    assert change(4100) == {"gradient_checkpointing": True}
    assert change(3100) == {"gradient_checkpointing": True, "batch_size": 2, "gradient_accumulation": 8}
    assert change(1600) == {
        "gradient_checkpointing": True, "batch_size": 1, "gradient_accumulation": 16, "load_in_4bit": True,
    }  # fmt: skip
    assert (change(1150) or {})["max_seq_length"] == 512
    assert change(500) is None


def test_that_a_cpu_is_offered_only_what_helps_there():
    assert change(6200, on_gpu=False) == {"batch_size": 2, "gradient_accumulation": 8}
    assert next_change(RECIPE, on_gpu=False) == {"batch_size": 2, "gradient_accumulation": 8}
    smallest = TrainRecipe(base="b", train_data="d", batch_size=1, max_seq_length=64)
    assert next_change(smallest, on_gpu=False) == {}


def test_that_a_change_is_said_with_its_cost():
    assert change_in_words({"batch_size": 2, "gradient_accumulation": 8}) == (
        "set batch_size = 2 and gradient_accumulation = 8 (same result)"
    )
    assert (
        change_in_words({"gradient_checkpointing": True}) == "set gradient_checkpointing = true (slower, same result)"
    )
    assert "longer rows are cut" in change_in_words({"max_seq_length": 512})
    assert "smaller base" in change_in_words({})
