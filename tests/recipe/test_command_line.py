"""A recipe as a command: run through a shell's words, it means the same recipe."""

from __future__ import annotations

import shlex
import tomllib

from msgspec import convert, structs
from typer.testing import CliRunner

from arny_studio.cli.main import app
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.command_line import train_command
from arny_studio.recipe.presets import preset


def dry(command: str) -> TrainRecipe:
    words = shlex.split(command)
    assert words[:2] == ["arny", "train"]
    result = CliRunner().invoke(app, [*words[1:], "--dry-run"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return convert(tomllib.loads(result.stdout), TrainRecipe)


def test_that_an_unchanged_preset_is_a_short_command():
    recipe = preset("tier1", train_data="/data/my rows.jsonl")
    command = train_command(recipe, preset="tier1")
    assert command == "arny train --preset tier1 --data '/data/my rows.jsonl'"
    assert dry(command) == recipe


def test_that_every_change_survives_the_shell():
    recipe = structs.replace(
        preset("demo-tier2", train_data="/d.jsonl"), title="It's $HOME & more", learning_rate=3e-5, packing=False,
        target_modules=("q_proj", "v_proj"), validation_data="/v.jsonl", keep_best_by="word_overlap",
        scheduler="cosine", foreign="trl:\n  a: 1\n",
    )  # fmt: skip
    assert dry(train_command(recipe, preset="demo-tier2")) == recipe
