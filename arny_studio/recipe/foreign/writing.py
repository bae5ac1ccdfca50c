"""Our training recipe in another trainer's keys, and what that trainer cannot be told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import structs

from arny_studio.recipe.foreign.flavours import Flavour
from arny_studio.recipe.train import TrainRecipe

_OPTIMIZERS = {"adamw_8bit": "adamw_bnb_8bit", "adamw": "adamw_torch_fused"}
_OURS_ALONE = (
    "validation_rows", "max_minutes", "answer_steps", "keep_best_by", "early_stopping", "engine", "processes",
)  # fmt: skip


def foreign_values(recipe: TrainRecipe, flavour: Flavour) -> tuple[dict[str, Any], list[str]]:
    """Keys and values for the trainer, and notes."""
    values: dict[str, Any] = {theirs: getattr(recipe, ours) for theirs, ours in flavour.same.items()}
    # Theirs has no warm-up in `constant`, ours has.
    values[flavour.scheduler_key] = "constant_with_warmup" if recipe.scheduler == "constant" else recipe.scheduler
    values[flavour.optimizer_key] = _OPTIMIZERS[recipe.optimizer]
    if recipe.max_steps:
        values["max_steps"] = recipe.max_steps
    if recipe.eval_steps:
        values |= {"eval_strategy": "steps", "eval_steps": recipe.eval_steps}
    notes = [f"{flavour.title} has no {name}, so it is left out." for name in _lost(recipe, flavour)]
    match flavour.id:
        case "trl":
            values |= _for_trl(recipe, notes)
        case "axolotl":
            values |= _for_axolotl(recipe)
        case "llamafactory":
            values |= _for_llamafactory(recipe, notes)
    return values, notes


def _for_trl(recipe: TrainRecipe, notes: list[str]) -> dict[str, Any]:
    if recipe.validation_data:
        notes.append("TRL takes its validation rows from a split of the dataset; name them there.")
    return {
        "datasets": [{"path": "json", "data_files": recipe.train_data}],
        "use_peft": True,
        "lora_target_modules": list(recipe.target_modules),
        "assistant_only_loss": True,
    }


def _for_axolotl(recipe: TrainRecipe) -> dict[str, Any]:
    def dataset(path: str) -> list[dict[str, str]]:
        return [{"path": path, "ds_type": "json", "type": "chat_template"}]

    values: dict[str, Any] = {
        "adapter": "qlora" if recipe.load_in_4bit else "lora",
        "datasets": dataset(recipe.train_data),
        "lora_target_modules": list(recipe.target_modules),
        "train_on_inputs": False,
        "save_steps": recipe.save_steps,
    }
    if recipe.validation_data:
        values["test_datasets"] = dataset(recipe.validation_data)
    if recipe.early_stopping and recipe.keep_best_by == "validation_loss":
        values["early_stopping_patience"] = recipe.early_stopping
    return values


def _for_llamafactory(recipe: TrainRecipe, notes: list[str]) -> dict[str, Any]:
    files = {"dataset": recipe.train_data, "eval_dataset": recipe.validation_data}
    files = {key: file for key, file in files.items() if file}
    entries = {Path(file).stem: _dataset_info(file) for file in files.values()}
    notes.append(f"Add to dataset_info.json: {json.dumps(entries, ensure_ascii=False)}")
    values: dict[str, Any] = {
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "template": "qwen",
        "lora_target": ",".join(recipe.target_modules),
        **{key: Path(file).stem for key, file in files.items()},
    }
    if recipe.load_in_4bit:
        values["quantization_bit"] = 4
    if not recipe.gradient_checkpointing:
        values["disable_gradient_checkpointing"] = True
    return values


def _dataset_info(file: str) -> dict[str, Any]:
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    return {
        "file_name": file,
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": tags | {"system_tag": "system"},
    }


def _lost(recipe: TrainRecipe, flavour: Flavour) -> list[str]:
    """Fields that say something and that the trainer has no key for."""
    defaults = {field.name: field.default for field in structs.fields(TrainRecipe)}
    lost = [name for name in _OURS_ALONE if getattr(recipe, name) != defaults[name]]
    stops_alike = flavour.id == "axolotl" and recipe.keep_best_by == "validation_loss"
    return [name for name in lost if not (stops_alike and name in ("early_stopping", "keep_best_by"))]
