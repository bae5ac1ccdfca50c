"""Which training a command line means: a recipe file (ours, or another trainer's YAML) or a preset, and changes to it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from arny_studio.errors import BadRecipe
from arny_studio.recipe import TrainRecipe, load_recipe
from arny_studio.recipe.foreign import read_foreign
from arny_studio.recipe.presets import preset
from arny_studio.spelling import in_plain_words, unknown_field_hint

_PATHS = ("base", "train_data", "validation_data", "contract")  # base and contract may also be ids
_YAML = (".yaml", ".yml")


def recipe_of_file(path: Path) -> TrainRecipe:
    """The recipe in a file, its paths as seen from the file's folder. What a foreign one loses is said on stderr."""
    if path.suffix.lower() in _YAML:
        imported = read_foreign(path)
        for note in imported.notes:
            sys.stderr.write(f"{path.name}: {note}\n")
        read = imported.recipe
    else:
        read = load_recipe(path, TrainRecipe)
    beside = {field: _absolute(getattr(read, field), path.absolute().parent) for field in _PATHS}
    return structs.replace(read, **beside)


def wanted_recipe(recipe: Path | None, preset_name: str, changes: dict[str, Any]) -> TrainRecipe:
    """The recipe that the command line describes, with absolute paths. Raises BadRecipe, MissingFile."""
    if recipe is not None and preset_name:
        raise BadRecipe("Give either a recipe file or --preset, not both.")
    if recipe is None and not preset_name:
        sentence = "Nothing to train: give a recipe file, --preset NAME with --data FILE, or --resume RUN."
        raise BadRecipe(sentence, hint="List the presets with: arny train --presets")
    changes = changes | {field: _absolute(str(changes[field]), Path.cwd()) for field in _PATHS if field in changes}
    if recipe is not None:
        return _changed(recipe_of_file(recipe), changes)
    if "train_data" not in changes:
        raise BadRecipe(f"The preset {preset_name} says all but the data.", hint="Name it with --data FILE.")
    return preset(preset_name, **changes)


def parsed_settings(settings: list[str]) -> dict[str, Any]:
    """`field=value` pairs; a value is TOML, and a text where it is none."""
    values: dict[str, Any] = {}
    for setting in settings:
        field, separator, text = setting.partition("=")
        if not separator or not field.strip():
            raise BadRecipe(f"--set {setting!r} is not of the form field=value.")
        try:
            values[field.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[field.strip()] = text.strip()
    return values


def _changed(recipe: TrainRecipe, changes: dict[str, Any]) -> TrainRecipe:
    """The recipe with other values, which are checked as those of a file are."""
    try:
        return msgspec.convert(msgspec.to_builtins(recipe) | changes, TrainRecipe)
    except msgspec.ValidationError as error:
        hint = unknown_field_hint(str(error), TrainRecipe.__struct_fields__)
        raise BadRecipe(f"--set: {in_plain_words(str(error))}.", hint=hint) from error


def _absolute(value: str, beside: Path) -> str:
    """A path as seen from `beside`, since the recipe moves into the run folder. What may be an id stays as it is."""
    if not value:
        return value
    path = beside / Path(value).expanduser()
    return str(path) if path.exists() or path.suffix in (".jsonl", ".json") else value
