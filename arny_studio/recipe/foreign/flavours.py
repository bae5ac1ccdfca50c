"""The three trainers whose recipes we read and write, and what their keys are called.

TRL 1.16 (`trl sft --config`), axolotl 0.13 (config reference), LLaMA-Factory 0.9.4 (examples/train_lora).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from arny_studio.recipe.foreign.reading import OPTIMIZERS, SCHEDULERS, ForeignKeys

Fields = dict[str, Any]

_TRL = {
    "model_name_or_path": "base", "learning_rate": "learning_rate", "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size", "gradient_accumulation_steps": "gradient_accumulation",
    "warmup_steps": "warmup_steps", "max_length": "max_seq_length", "packing": "packing",
    "weight_decay": "weight_decay", "load_in_4bit": "load_in_4bit", "gradient_checkpointing": "gradient_checkpointing",
    "seed": "seed", "logging_steps": "logging_steps", "save_steps": "save_steps", "lora_r": "lora_r",
    "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout",
}  # fmt: skip
_AXOLOTL = {
    "base_model": "base", "learning_rate": "learning_rate", "num_epochs": "epochs", "micro_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation", "warmup_steps": "warmup_steps",
    "sequence_len": "max_seq_length", "sample_packing": "packing", "weight_decay": "weight_decay",
    "load_in_4bit": "load_in_4bit", "gradient_checkpointing": "gradient_checkpointing", "seed": "seed",
    "logging_steps": "logging_steps", "lora_r": "lora_r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout",
}  # fmt: skip
_LLAMAFACTORY = {
    "model_name_or_path": "base", "learning_rate": "learning_rate", "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size", "gradient_accumulation_steps": "gradient_accumulation",
    "warmup_steps": "warmup_steps", "cutoff_len": "max_seq_length", "packing": "packing",
    "weight_decay": "weight_decay", "seed": "seed", "logging_steps": "logging_steps", "save_steps": "save_steps",
    "lora_rank": "lora_r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout",
}  # fmt: skip


class Flavour(Struct, frozen=True, kw_only=True):
    """One trainer: the keys that mean the same as ours, and how the others are read."""

    id: str
    title: str
    data_key: str
    same: dict[str, str]
    scheduler_key: str
    optimizer_key: str
    targets_key: str
    special: Callable[[ForeignKeys], Fields]

    @staticmethod
    def named(identifier: str) -> Flavour:
        """The trainer with this id."""
        return next(flavour for flavour in _FLAVOURS if flavour.id == identifier)

    def read(self, keys: ForeignKeys) -> Fields:
        """Our fields, as far as the recipe tells them."""
        return {
            **keys.copied(self.same),
            **keys.chosen(self.scheduler_key, "scheduler", SCHEDULERS),
            **keys.chosen(self.optimizer_key, "optimizer", OPTIMIZERS),
            **keys.targets(self.targets_key),
            **_steps(keys),
            **self.special(keys),
        }


def flavour_of(values: dict[str, Any]) -> Flavour | None:
    """Whose recipe this is, by keys that only that trainer has."""
    if "base_model" in values:
        return Flavour.named("axolotl")
    if "model_name_or_path" not in values:
        return None
    theirs = {"finetuning_type", "cutoff_len", "lora_rank", "lora_target", "stage", "template"}
    return Flavour.named("llamafactory" if theirs & values.keys() else "trl")


def _steps(keys: ForeignKeys) -> Fields:
    """`max_steps: -1` means no limit; an evaluation strategy of `no` switches `eval_steps` off."""
    found: Fields = {}
    most = keys.take("max_steps")
    if isinstance(most, int) and most > 0:
        found["max_steps"] = most
    strategy = keys.take("eval_strategy")
    every = keys.take("eval_steps")
    if isinstance(every, int) and strategy != "no":
        found["eval_steps"] = every
    elif every is not None and not isinstance(every, int):
        keys.leave("eval_steps", "a share of the run is not known here; give a number of steps.")
    if keys.take("warmup_ratio"):
        keys.leave("warmup_ratio", "a share of the run is not known here; give warmup_steps.")
    return found


def _of_trl(keys: ForeignKeys) -> Fields:
    found = _data(keys, "datasets", "dataset_name")
    keys.take("use_peft")
    legacy = keys.take("max_seq_length")
    if legacy is not None:
        found["max_seq_length"] = legacy
    return found


def _of_axolotl(keys: ForeignKeys) -> Fields:
    found = _data(keys, "datasets", "datasets")
    held_out = keys.first_path("test_datasets")
    if held_out:
        found["validation_data"] = held_out
    adapter = keys.take("adapter")
    if adapter == "qlora":
        found["load_in_4bit"] = True
    elif adapter not in (None, "lora"):
        keys.leave("adapter", f"{adapter} is not known here; a LoRA adapter is trained.")
    keys.take("lora_target_linear")  # every linear layer is our default
    patience = keys.take("early_stopping_patience")
    if isinstance(patience, int) and patience:
        found |= {"early_stopping": patience, "keep_best_by": "validation_loss"}
    saves = keys.take("save_steps")
    if isinstance(saves, int):
        found["save_steps"] = saves
    return found


def _of_llamafactory(keys: ForeignKeys) -> Fields:
    found: Fields = {}
    for key, field in (("dataset", "train_data"), ("eval_dataset", "validation_data")):
        path = keys.listed_path(key, "dataset_dir")
        if path is not None:
            found[field] = path
    keys.take("dataset_dir")
    keys.take("do_train")
    stage, kind = keys.take("stage"), keys.take("finetuning_type")
    if stage not in (None, "sft"):
        keys.leave("stage", f"{stage} is not known here; this is supervised fine-tuning.")
    if kind not in (None, "lora"):
        keys.leave("finetuning_type", f"{kind} is not known here; a LoRA adapter is trained.")
    bits = keys.take("quantization_bit")
    found["load_in_4bit"] = bits == 4
    if bits not in (None, 4):
        keys.leave("quantization_bit", f"{bits} bits are not known here; the base is loaded in 16 bits.")
    found["gradient_checkpointing"] = not keys.take("disable_gradient_checkpointing")
    return found


def _data(keys: ForeignKeys, *names: str) -> Fields:
    path = next((path for name in names if (path := keys.first_path(name)) is not None), None)
    return {"train_data": path} if path is not None else {}


_FLAVOURS = (
    Flavour(
        id="trl", title="TRL", data_key="dataset_name", same=_TRL, scheduler_key="lr_scheduler_type",
        optimizer_key="optim", targets_key="lora_target_modules", special=_of_trl,
    ),
    Flavour(
        id="axolotl", title="axolotl", data_key="datasets", same=_AXOLOTL, scheduler_key="lr_scheduler",
        optimizer_key="optimizer", targets_key="lora_target_modules", special=_of_axolotl,
    ),
    Flavour(
        id="llamafactory", title="LLaMA-Factory", data_key="dataset", same=_LLAMAFACTORY,
        scheduler_key="lr_scheduler_type", optimizer_key="optim", targets_key="lora_target", special=_of_llamafactory,
    ),
)  # fmt: skip
FLAVOURS: dict[str, str] = {flavour.id: flavour.title for flavour in _FLAVOURS}
