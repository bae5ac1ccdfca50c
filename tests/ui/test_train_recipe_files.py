"""Recipes in and out of files, from the form's menu."""

from __future__ import annotations

import pytest
import yaml

from arny_studio.recipe import TrainRecipe, load_recipe
from tests.ui.test_train_tab import fill, opened

AXOLOTL = {
    "base_model": "Qwen/Qwen2.5-1.5B", "datasets": [{"path": "rows.jsonl", "type": "chat_template"}],
    "adapter": "lora", "lora_r": 8, "lora_alpha": 16, "micro_batch_size": 2, "num_epochs": 3, "learning_rate": 0.0001,
    "sequence_len": 1024, "wandb_project": "arny",
}  # fmt: skip


@pytest.fixture
def train(studio, qtbot):
    return opened(studio, qtbot)


def test_that_the_menu_offers_every_way_in_and_out(train):
    words = [action.text() for action in train.widget.new.menu.actions() if action.text()]
    assert words[:3] == ["Copy as command", "Import recipe…", "Save recipe…"]
    assert any("axolotl" in word.lower() for word in words)


def test_that_an_axolotl_recipe_fills_the_form_and_says_what_it_does_not_use(studio, train, tmp_path):
    path = tmp_path / "theirs.yaml"
    path.write_text(yaml.safe_dump(AXOLOTL), encoding="utf-8")
    train.controller.files.read(path)
    recipe = train.controller.form.recipe()
    assert (recipe.lora_r, recipe.batch_size, recipe.max_seq_length) == (8, 2, 1024)
    assert train.widget.new.form.editors["lora_r"].is_changed
    message = studio.window.messages.messages[-1]
    assert "axolotl" in message.sentence.lower()
    assert "wandb_project" in message.hint

    out = tmp_path / "ours.yaml"
    train.controller.files.write(out, "axolotl")
    assert yaml.safe_load(out.read_text("utf-8"))["wandb_project"] == "arny"


def test_that_a_recipe_that_is_saved_is_the_recipe_that_is_read(studio, train, tmp_path):
    fill(studio, train, lora_r=2)
    before = train.controller.form.recipe()
    train.controller.files.write(tmp_path / "mine.toml", "toml")
    assert load_recipe(tmp_path / "mine.toml", TrainRecipe) == before
    train.widget.new.form.preset_chosen.emit("tier2")
    train.controller.files.read(tmp_path / "mine.toml")
    assert train.controller.form.recipe() == before


def test_that_a_file_that_is_no_recipe_is_refused_and_the_form_stays(studio, train, tmp_path):
    fill(studio, train)
    before = train.controller.form.recipe()
    path = tmp_path / "broken.yaml"
    path.write_text("- just\n- a list\n", encoding="utf-8")
    train.controller.files.read(path)
    assert studio.window.messages.messages[-1].level == "error"
    assert train.controller.form.recipe() == before
