"""Presets: training recipes by goal, as TOML files. A preset says all but the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from arny_studio import paths
from arny_studio.errors import BadRecipe
from arny_studio.recipe.train import TrainRecipe
from arny_studio.spelling import did_you_mean, in_plain_words, unknown_field_hint

PRESETS_DIR: Path = paths.DATA_DIR / "presets"
_EMBEDDED_BASE = "@demo-base"  # stands in a preset for the base that is shipped with the program


class Preset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A goal and the recipe fields that reach it. `needs` says what machine it is for."""

    id: str
    title: str
    description: str
    needs: Literal["cpu", "cuda"]
    recipe: dict[str, Any]


def list_presets() -> list[Preset]:
    """The shipped presets: those for real training first, in the order of their tiers."""
    presets = [_read(path) for path in PRESETS_DIR.glob("*.toml")]
    return sorted(presets, key=lambda preset: (preset.needs == "cpu", preset.id))


def preset(name: str, **overrides: Any) -> TrainRecipe:
    """The recipe of a preset with some fields changed; `train_data` has to be among them.

    Raises BadRecipe for a preset or a field that there is not, and for a value out of its bounds.
    """
    path = PRESETS_DIR / f"{name}.toml"
    if Path(name).name != name or not path.is_file():
        raise BadRecipe(f"There is no preset {name!r}.", hint=_nearest(name))
    found = _read(path)
    fields = {"kind": "train", "title": found.title, **found.recipe, **overrides}
    if fields.get("base") == _EMBEDDED_BASE:
        fields["base"] = str(paths.DEMO_BASE)
    try:
        return msgspec.convert(fields, TrainRecipe)
    except msgspec.ValidationError as error:
        hint = unknown_field_hint(str(error), TrainRecipe.__struct_fields__)
        raise BadRecipe(f"Preset {name}: {in_plain_words(str(error))}.", hint=hint) from error


def _read(path: Path) -> Preset:
    values = msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])
    try:
        return msgspec.convert({"id": path.stem, **values}, Preset)
    except msgspec.ValidationError as error:
        raise BadRecipe(f"{path}: {error}.") from error


def _nearest(name: str) -> str:
    known = [found.id for found in list_presets()]
    return did_you_mean(name, known, otherwise=f"Presets: {', '.join(known)}.")
