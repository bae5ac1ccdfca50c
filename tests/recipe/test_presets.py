"""Presets: the source document's table to the letter, and recipes that are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from arny_studio import paths
from arny_studio.errors import BadRecipe
from arny_studio.recipe import TrainRecipe, dump_recipe, load_recipe
from arny_studio.recipe.presets import list_presets, preset

# Training setup of the source document, one row per parameter: Tier-1, Tier-2.
SOURCE_TABLE = {
    "base": ("unsloth/Qwen2.5-1.5B-bnb-4bit", "unsloth/Qwen2.5-3B-bnb-4bit"),
    "lora_r": (16, 16),
    "lora_alpha": (16, 16),
    "lora_dropout": (0, 0),
    "batch_size": (4, 2),
    "gradient_accumulation": (4, 4),
    "epochs": (4, 4),
    "learning_rate": (2e-4, 1e-4),
    "warmup_steps": (5, 10),
    "max_seq_length": (2048, 2048),
    "packing": (False, True),
    "optimizer": ("adamw_8bit", "adamw_8bit"),
    "weight_decay": (0.01, 0.01),
}


@pytest.mark.parametrize("column, name", [(0, "tier1"), (1, "tier2")])
def test_that_the_presets_hold_the_source_documents_table(column: int, name: str):
    recipe = preset(name, train_data="data.jsonl")
    assert {field: getattr(recipe, field) for field in SOURCE_TABLE} == {
        field: values[column] for field, values in SOURCE_TABLE.items()
    }
    assert recipe.tier == name
    assert recipe.batch_size * recipe.gradient_accumulation == (16, 8)[column]


@pytest.mark.parametrize("name", ["demo-tier1", "demo-tier2"])
def test_that_the_demo_presets_use_the_embedded_base_and_end_within_a_minute(name: str):
    recipe = preset(name, train_data="data.jsonl")
    assert Path(recipe.base) == paths.DEMO_BASE
    assert 0 < recipe.max_minutes <= 0.85
    assert (recipe.packing, recipe.max_seq_length, recipe.batch_size) == (True, 512, 1)


@pytest.mark.parametrize("name", [found.id for found in list_presets()])
def test_that_every_preset_survives_the_way_through_a_recipe_file(name: str, tmp_path: Path):
    recipe = preset(name, train_data="data.jsonl", validation_data="held-out.jsonl")
    (tmp_path / "recipe.toml").write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(tmp_path / "recipe.toml", TrainRecipe) == recipe


def test_that_presets_for_real_training_come_before_the_demos():
    assert [found.id for found in list_presets()] == [
        "tier1",
        "tier1-8gb",
        "tier1-t4",
        "tier2",
        "demo-tier1",
        "demo-tier2",
    ]
    assert all(found.title and found.description for found in list_presets())


def test_that_overrides_win_over_the_preset():
    recipe = preset("tier1", train_data="d", base="/models/mine", max_steps=7, title="Mine")
    assert (recipe.base, recipe.max_steps, recipe.title) == ("/models/mine", 7, "Mine")


@pytest.mark.parametrize("name", ["tier-1", "teir1", "../presets/tier1", "", "nothing like it"])
def test_that_an_unknown_preset_is_refused_with_the_known_ones(name: str):
    with pytest.raises(BadRecipe, match="no preset") as caught:
        preset(name, train_data="d")
    assert "tier1" in caught.value.hint


def test_that_overrides_are_checked_like_a_recipe_file():
    with pytest.raises(BadRecipe, match="no field learning_rat"):
        preset("tier1", train_data="d", learning_rat=1e-4)
    with pytest.raises(BadRecipe, match="learning_rate"):
        preset("tier1", train_data="d", learning_rate=2.0)
    with pytest.raises(BadRecipe, match="train_data"):
        preset("tier1")
