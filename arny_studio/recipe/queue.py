"""How the queue of a workspace works off its runs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from arny_studio.recipe.base import Recipe


class QueueRecipe(Recipe, tag="queue", frozen=True, kw_only=True):
    """Start the runs of the queue, in order, until none waits."""

    workspace: Annotated[str, Meta(description="Folder of the workspace.")]
    at_once: Annotated[int, Meta(ge=1, le=16, description="Runs that go on at the same time.")] = 1
    python: Annotated[str, Meta(description="Python of the training workers; empty: ours.")] = ""
