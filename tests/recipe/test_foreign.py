"""Recipes of other trainers come in and go out without losing what both sides know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from arny_studio.errors import BadRecipe, MissingFile
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.foreign import FLAVOURS, read_foreign, write_foreign

# As the trainers' own documentation writes them.
TRL = """
model_name_or_path: Qwen/Qwen2.5-1.5B
dataset_name: data/train.jsonl
learning_rate: 2.0e-4
num_train_epochs: 1
per_device_train_batch_size: 2
gradient_accumulation_steps: 8
lr_scheduler_type: cosine
max_length: 1024
packing: true
optim: adamw_torch
use_peft: true
lora_r: 32
lora_alpha: 16
lora_target_modules: all-linear
eval_strategy: steps
eval_steps: 100
push_to_hub: false
"""
AXOLOTL = """
base_model: Qwen/Qwen2.5-3B
load_in_4bit: true
adapter: qlora
datasets:
  - path: train.jsonl
    type: chat_template
  - path: more.jsonl
test_datasets:
  - path: held-out.jsonl
sequence_len: 2048
sample_packing: true
lora_r: 16
lora_alpha: 32
lora_dropout: 0.05
lora_target_linear: true
micro_batch_size: 2
gradient_accumulation_steps: 4
num_epochs: 3
optimizer: paged_adamw_8bit
lr_scheduler: constant
learning_rate: 2e-4
early_stopping_patience: 3
eval_steps: 50
flash_attention: true
wandb_project: arny
"""
LLAMAFACTORY = """
model_name_or_path: Qwen/Qwen2.5-1.5B
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
dataset: router,identity
dataset_dir: data
template: qwen
cutoff_len: 2048
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
optim: galore
"""


def read(folder: Path, text: str):
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return read_foreign(path)


def test_that_a_recipe_of_trl_is_understood(tmp_path: Path):
    found = read(tmp_path, TRL)
    recipe = found.recipe
    assert found.flavour == "trl"
    assert (recipe.base, recipe.train_data, recipe.title) == ("Qwen/Qwen2.5-1.5B", "data/train.jsonl", "recipe")
    assert (recipe.learning_rate, recipe.epochs, recipe.batch_size, recipe.gradient_accumulation) == (2e-4, 1, 2, 8)
    assert (recipe.scheduler, recipe.optimizer, recipe.max_seq_length, recipe.packing) == (
        "cosine",
        "adamw",
        1024,
        True,
    )
    assert (recipe.lora_r, len(recipe.target_modules), recipe.eval_steps) == (32, 7, 100)
    assert found.unknown == {"push_to_hub": False}
    assert yaml.safe_load(recipe.foreign) == {"trl": {"push_to_hub": False}}


def test_that_a_recipe_of_axolotl_is_understood_and_what_is_lost_is_told(tmp_path: Path):
    found = read(tmp_path, AXOLOTL)
    recipe = found.recipe
    assert (recipe.base, recipe.train_data, recipe.validation_data) == (
        "Qwen/Qwen2.5-3B",
        "train.jsonl",
        "held-out.jsonl",
    )
    assert (recipe.learning_rate, recipe.optimizer, recipe.scheduler) == (2e-4, "adamw_8bit", "constant")
    assert (recipe.early_stopping, recipe.keep_best_by, recipe.load_in_4bit) == (3, "validation_loss", True)
    assert any("only the first of 2 datasets" in note for note in found.notes)
    assert list(found.unknown) == ["flash_attention", "wandb_project"]
    written = yaml.safe_load(write_foreign(recipe, "axolotl").text)
    assert (written["flash_attention"], written["wandb_project"]) == (True, "arny")  # kept all the way round
    assert "wandb_project" not in write_foreign(recipe, "trl").text


def test_that_a_recipe_of_llamafactory_finds_its_data_by_name(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset_info.json").write_text(json.dumps({"router": {"file_name": "router.jsonl"}}))
    found = read(tmp_path, LLAMAFACTORY)
    recipe = found.recipe
    assert recipe.train_data == str(tmp_path / "data" / "router.jsonl")
    assert (recipe.lora_r, recipe.load_in_4bit, recipe.gradient_checkpointing) == (8, False, True)
    assert set(found.unknown) == {"template", "warmup_ratio", "optim"}
    assert [key for key in ("warmup_ratio", "optim") if any(note.startswith(key) for note in found.notes)]


recipes = st.builds(
    TrainRecipe,
    base=st.just("Qwen/Qwen2.5-1.5B"),
    train_data=st.just("train.jsonl"),
    lora_r=st.integers(1, 512),
    lora_dropout=st.floats(0, 0.9),
    batch_size=st.integers(1, 512),
    epochs=st.floats(0.1, 100),
    max_steps=st.integers(0, 9999),
    learning_rate=st.floats(1e-7, 1e-1),
    scheduler=st.sampled_from(["linear", "cosine", "constant"]),
    packing=st.booleans(),
    optimizer=st.sampled_from(["adamw", "adamw_8bit"]),
    load_in_4bit=st.booleans(),
    gradient_checkpointing=st.booleans(),
    eval_steps=st.integers(0, 500),
    target_modules=st.sampled_from([("q_proj", "v_proj"), ("down_proj",)]),
)


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(deadline=None, max_examples=25)
@given(recipe=recipes)
def test_that_what_is_written_reads_back_the_same(tmp_path_factory, flavour: str, recipe: TrainRecipe):
    folder = tmp_path_factory.mktemp("round")
    back = read(folder, write_foreign(recipe, flavour).text).recipe
    own = {"title": back.title, "foreign": back.foreign, "train_data": back.train_data}
    assert back == structs.replace(recipe, **own)


def test_that_fields_without_a_counterpart_are_told(tmp_path: Path):
    recipe = TrainRecipe(base="b/b", train_data="d.jsonl", max_minutes=3, answer_steps=10)
    notes = write_foreign(recipe, "llamafactory").notes
    assert any("no max_minutes" in note for note in notes)
    assert any('"file_name": "d.jsonl"' in note for note in notes)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("a: [", "is not a YAML file"),
        ("- a\n- b\n", "should hold keys and values"),
        ("learning_rate: 1", "recipe of none of"),
        ("base_model: b\n", "names no file with training data"),
        (AXOLOTL.replace("lora_r: 16", "lora_r: many"), "lora_r"),
        ("!!python/object/apply:os.system ['true']", "is not a YAML file"),
    ],
)
def test_that_a_file_that_cannot_be_meant_is_one_sentence(text: str, sentence: str, tmp_path: Path):
    with pytest.raises(BadRecipe, match=sentence):
        read(tmp_path, text)


def test_that_unknown_formats_and_missing_files_are_refused(tmp_path: Path):
    with pytest.raises(MissingFile):
        read_foreign(tmp_path / "none.yaml")
    with pytest.raises(BadRecipe, match="no recipe format 'axolotel'") as caught:
        write_foreign(TrainRecipe(base="b", train_data="d"), "axolotel")
    assert "axolotl" in caught.value.hint
