"""A training recipe as the command that would start it: what "Copy as command" puts on the clipboard."""

from __future__ import annotations

import shlex
from typing import Any

from msgspec import structs

from arny_studio.recipe.presets import preset as preset_recipe
from arny_studio.recipe.train import TrainRecipe

_FLAGS = {"train_data": "--data", "validation_data": "--validation", "base": "--base", "title": "--title"}


def train_command(recipe: TrainRecipe, *, preset: str) -> str:
    """`arny train --preset … --data … --set …`, quoted for a shell; only what differs from the preset is named."""
    baseline = preset_recipe(preset, train_data=recipe.train_data)
    parts = ["arny", "train", "--preset", preset, "--data", recipe.train_data]
    for field in structs.fields(TrainRecipe):
        value = getattr(recipe, field.name)
        if field.name == "train_data" or value == getattr(baseline, field.name):
            continue
        if field.name in _FLAGS:
            parts += [_FLAGS[field.name], str(value)]
        else:
            parts += ["--set", f"{field.name}={_toml(value)}"]
    return shlex.join(parts)


def _toml(value: Any) -> str:
    """A value as TOML writes it."""
    import tomli_w

    held = list(value) if isinstance(value, tuple) else value
    written = tomli_w.dumps({"value": held}, multiline_strings=False).partition("=")[2]
    return " ".join(written.split()) if isinstance(held, list) else written.strip()
