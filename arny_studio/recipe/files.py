"""Recipes as TOML files: strict on the way in, so a misspelt key is an error and never a silent default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from arny_studio.errors import BadRecipe, MissingFile
from arny_studio.recipe.recipes import Recipe

SomeRecipe = TypeVar("SomeRecipe", bound=Recipe)


def load_recipe(path: Path, kind: type[SomeRecipe]) -> SomeRecipe:
    """Read a recipe. Raises MissingFile, or BadRecipe with the file, the key and what was expected."""
    if not path.is_file():
        raise MissingFile(f"There is no recipe at {path}.")
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except msgspec.ValidationError as error:
        raise BadRecipe(f"{path}: {error}.", hint=_nearest_field_hint(str(error), kind)) from error
    except (msgspec.DecodeError, ValueError) as error:
        raise BadRecipe(f"{path} is not a TOML file: {error}.") from error


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML, every field spelt out."""
    import tomli_w

    values = {key: value for key, value in msgspec.to_builtins(recipe).items() if value is not None}
    return tomli_w.dumps(values)


def _nearest_field_hint(message: str, kind: type[Recipe]) -> str:
    import difflib

    unknown = re.search(r"unknown field `(\w+)`", message)
    if unknown is None:
        return ""
    near = difflib.get_close_matches(unknown[1], kind.__struct_fields__, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(kind.__struct_fields__)}."
