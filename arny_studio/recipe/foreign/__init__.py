"""Recipes of other trainers (TRL, axolotl, LLaMA-Factory) as ours, and ours as theirs; both are YAML.

What has no counterpart is told in notes. Keys that we do not know are kept in the recipe and written back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from arny_studio.errors import BadRecipe, MissingFile
from arny_studio.recipe.foreign.flavours import FLAVOURS, Flavour, flavour_of
from arny_studio.recipe.foreign.reading import ForeignKeys
from arny_studio.recipe.foreign.writing import foreign_values
from arny_studio.recipe.train import TrainRecipe
from arny_studio.spelling import did_you_mean

__all__ = ["FLAVOURS", "Exported", "Imported", "read_foreign", "write_foreign"]


class Imported(Struct, frozen=True, kw_only=True):
    """A foreign recipe as ours. `unknown` are the keys that we do not use; they stand in the recipe's `foreign`."""

    flavour: str
    recipe: TrainRecipe
    unknown: dict[str, Any]
    notes: list[str]


class Exported(Struct, frozen=True, kw_only=True):
    """A recipe of ours in another trainer's YAML, and what that trainer cannot be told."""

    text: str
    notes: list[str]


def read_foreign(path: Path) -> Imported:
    """Read another trainer's recipe. Raises MissingFile, or BadRecipe with the file, the key and what is the matter."""
    values = _read_yaml(path)
    flavour = flavour_of(values)
    if flavour is None:
        known = ", ".join(FLAVOURS.values())
        raise BadRecipe(f"{path} is a recipe of none of {known}.", hint="It names neither a model nor a base_model.")
    keys = ForeignKeys(values, path.absolute().parent)
    fields = flavour.read(keys)
    unknown = keys.unused()
    if unknown:
        fields["foreign"] = yaml.safe_dump({flavour.id: unknown}, sort_keys=False, allow_unicode=True)
        keys.notes.append(f"Kept, but not used here: {', '.join(unknown)}.")
    if "train_data" not in fields:
        raise BadRecipe(
            f"{path} names no file with training data.", hint=f"{flavour.title} calls it {flavour.data_key}."
        )
    try:
        recipe = msgspec.convert({"kind": "train", "title": path.stem, **fields}, TrainRecipe)
    except msgspec.ValidationError as error:
        raise BadRecipe(f"{path} ({flavour.title}): {error}.") from error
    return Imported(flavour=flavour.id, recipe=recipe, unknown=unknown, notes=keys.notes)


def write_foreign(recipe: TrainRecipe, flavour: str) -> Exported:
    """A recipe in another trainer's words. Raises BadRecipe for a trainer that we do not know."""
    if flavour not in FLAVOURS:
        hint = did_you_mean(flavour, FLAVOURS, otherwise=f"Known: {', '.join(FLAVOURS)}.")
        raise BadRecipe(f"There is no recipe format {flavour!r}.", hint=hint)
    values, notes = foreign_values(recipe, Flavour.named(flavour))
    kept = _kept(recipe).get(flavour)
    values = {**(kept if isinstance(kept, dict) else {}), **values}
    return Exported(text=yaml.safe_dump(values, sort_keys=False, allow_unicode=True), notes=notes)


def _kept(recipe: TrainRecipe) -> dict[str, Any]:
    try:
        kept = yaml.safe_load(recipe.foreign)
    except yaml.YAMLError:
        return {}
    return kept if isinstance(kept, dict) else {}


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingFile(f"There is no recipe at {path}.")
    try:
        values = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRecipe(f"{path} is not a YAML file: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise BadRecipe(f"{path} should hold keys and values, as a trainer's YAML does.")
    return {str(key): value for key, value in values.items()}
