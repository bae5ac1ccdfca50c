"""Recipes as TOML files: strict on the way in, so a misspelt key is an error and never a silent default."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from arny_studio.errors import BadRecipe, MissingFile
from arny_studio.recipe.base import Recipe
from arny_studio.spelling import in_plain_words, unknown_field_hint

SomeRecipe = TypeVar("SomeRecipe", bound=Recipe)


def load_recipe(path: Path, kind: type[SomeRecipe]) -> SomeRecipe:
    """Read a recipe. Raises MissingFile, or BadRecipe with the file, the key and what was expected."""
    if not path.is_file():
        raise MissingFile(f"There is no recipe at {path}.")
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except msgspec.ValidationError as error:
        hint = unknown_field_hint(str(error), kind.__struct_fields__)
        raise BadRecipe(f"{path}: {in_plain_words(str(error))}.", hint=hint) from error
    except UnicodeDecodeError as error:
        raise BadRecipe(f"{path} is not a TOML file: byte {error.start + 1} is not UTF-8.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise BadRecipe(f"{path} is not a TOML file: {error}.") from error


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as TOML, every field spelt out."""
    import tomli_w

    values = {key: value for key, value in msgspec.to_builtins(recipe).items() if value is not None}
    return tomli_w.dumps(values)
