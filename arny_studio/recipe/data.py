"""Which pass to make over a dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from arny_studio.recipe.base import Recipe


class DataRecipe(Recipe, tag="data", frozen=True, kw_only=True):
    """A pass over a whole dataset: write one, check one, or split one."""

    task: Annotated[Literal["generate", "check", "split"], Meta(description="Which pass.")]
    path: Annotated[str, Meta(description="The dataset: written by generate, read by check and split.")]
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    tier: Annotated[Literal["tier1", "tier2"], Meta(description="Which generator writes.")] = "tier1"
    rows: Annotated[int, Meta(ge=1, le=10_000_000, description="Rows to generate.")] = 3000
    seed: Annotated[int, Meta(ge=0, description="Seed of the generator.")] = 7
    phrases: Annotated[
        Literal["train", "test", "shapes"],
        Meta(description="Phrases and entities of training, held-out ones, or (Tier-1) held-out sentence shapes."),
    ] = "train"
    validation_share: Annotated[float, Meta(ge=0, lt=1, description="Share of rows for validation.")] = 0.1
    test_share: Annotated[float, Meta(ge=0, lt=1, description="Share of rows for testing.")] = 0.0
