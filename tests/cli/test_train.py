"""`arny train`: which recipe a command line means. The training itself is tested with its worker."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arny_studio.cli.main import app
from arny_studio.errors import ArnyError, BadRecipe, MissingFile
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import TrainRecipe


def arny(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["train", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def dry(*arguments: str) -> dict[str, object]:
    return tomllib.loads(arny(*arguments, "--dry-run"))


def test_that_the_presets_are_listed_with_what_they_need():
    listed = arny("--presets")
    assert "tier1 " in listed
    assert "needs CUDA" in listed
    assert "demo-tier2" in listed


def test_that_a_preset_with_data_is_a_recipe_with_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    recipe = dry("--preset", "tier2", "--data", "train.jsonl", "--set", "max_steps=3", "--title", "Mine")
    assert recipe["train_data"] == str(tmp_path / "train.jsonl")
    assert (recipe["base"], recipe["contract"]) == ("unsloth/Qwen2.5-3B-bnb-4bit", "router-v1")
    assert (recipe["max_steps"], recipe["title"], recipe["packing"]) == (3, "Mine", True)


def test_that_paths_in_a_recipe_are_seen_from_its_folder_and_those_of_the_command_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "project" / "base").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    file = tmp_path / "project" / "recipe.toml"
    file.write_text('kind = "train"\nbase = "base"\ntrain_data = "data.jsonl"\nlearning_rate = 1e-3\n')
    monkeypatch.chdir(tmp_path / "here")
    recipe = dry(str(file), "--validation", "held-out.jsonl", "--set", "scheduler=cosine")
    assert recipe["base"] == str(tmp_path / "project" / "base")
    assert recipe["train_data"] == str(tmp_path / "project" / "data.jsonl")
    assert recipe["validation_data"] == str(tmp_path / "here" / "held-out.jsonl")
    assert (recipe["learning_rate"], recipe["scheduler"]) == (1e-3, "cosine")


@pytest.mark.parametrize(
    "arguments, error, sentence",
    [
        ([], BadRecipe, "Nothing to train"),
        (["--preset", "tier1"], BadRecipe, "says all but the data"),
        (["--preset", "teir1", "--data", "d.jsonl"], BadRecipe, "no preset 'teir1'"),
        (["r.toml"], MissingFile, "no recipe at r.toml"),
        (["r.toml", "--preset", "tier1"], BadRecipe, "not both"),
        (["--preset", "tier1", "--data", "d.jsonl", "--set", "oops"], BadRecipe, "field=value"),
        (["--preset", "tier1", "--data", "d.jsonl", "--set", "epochs=-1"], BadRecipe, "epochs"),
        (["--preset", "tier1", "--data", "d.jsonl", "--set", "epoch=1"], BadRecipe, "no field epoch"),
        (["--resume", "nothing"], MissingFile, "no run 'nothing'"),
    ],
)
def test_that_a_command_line_that_cannot_be_meant_is_one_sentence(
    arguments: list[str], error: type[ArnyError], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=sentence):
        CliRunner().invoke(app, ["train", *arguments, "--workspace", str(tmp_path)], catch_exceptions=False)


@pytest.mark.parametrize("option", ["--data", "--validation"])
@pytest.mark.parametrize("more", [[], ["--queue"]])
def test_that_data_that_is_not_there_is_refused_before_a_run_is_made(option: str, more: list[str], tmp_path: Path):
    data, gone = tmp_path / "train.jsonl", tmp_path / "gone.jsonl"
    data.write_text("{}\n", encoding="utf-8")
    arguments = ["--preset", "demo-tier1", "--data", str(data), option, str(gone), "--workspace", str(tmp_path)]
    with pytest.raises(MissingFile, match=f"There is no dataset at {gone}") as refused:
        CliRunner().invoke(app, ["train", *arguments, *more], catch_exceptions=False)
    assert refused.value.exit_code == 1
    assert list(tmp_path.iterdir()) == [data]


def test_that_a_resumed_run_keeps_its_own_recipe(tmp_path: Path):
    recipe = TrainRecipe(base="b", train_data="d.jsonl", seed=5)
    RunFolder.create(tmp_path / "runs" / "20260101T000000Z-train", recipe)
    assert dry("--resume", "latest", "--workspace", str(tmp_path))["seed"] == 5
    with pytest.raises(BadRecipe, match="takes no other"):
        arny("--resume", "latest", "--workspace", str(tmp_path), "--set", "seed=6")
