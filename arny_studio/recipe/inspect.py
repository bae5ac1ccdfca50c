"""What the interactive inspector is started with: nothing but where it lives; each question names its model."""

from __future__ import annotations

from arny_studio.recipe.base import Recipe


class InspectRecipe(Recipe, tag="inspect", frozen=True, kw_only=True):
    """An inspector that answers how conversations are rendered and tokenized for training."""
