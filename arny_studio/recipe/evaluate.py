"""What to score, and on which truth."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from arny_studio.recipe.base import Recipe


class EvaluateRecipe(Recipe, tag="evaluate", frozen=True, kw_only=True):
    """Score a router on held-out samples."""

    model: Annotated[str, Meta(description="GGUF file, or a Hugging Face folder (needs the train extra).")]
    data: Annotated[str, Meta(description="JSONL file with the truth: messages rows, or {text, journey} rows.")]
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    limit: Annotated[int, Meta(ge=0, description="Rows to score; 0: all.")] = 0
    constrained: Annotated[bool, Meta(description="Decode under the contract's schema.")] = False
    context: Annotated[int, Meta(ge=128, le=131072, description="Context length, in tokens.")] = 1024
    threads: Annotated[int, Meta(ge=0, description="Threads; 0: one less than there are cores.")] = 0
