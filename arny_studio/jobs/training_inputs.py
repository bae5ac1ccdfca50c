"""What a training cannot begin without, looked at before a run folder is made for it."""

from __future__ import annotations

from pathlib import Path

from arny_studio.errors import MissingFile
from arny_studio.recipe import TrainRecipe


def require_datasets(recipe: TrainRecipe) -> None:
    """Raise MissingFile for training or validation data that is not there. Opens no file."""
    for name in (recipe.train_data, recipe.validation_data):
        if name and not Path(name).is_file():
            raise MissingFile(f"There is no dataset at {name}.")
