"""LoRA fine-tuning with TRL and PEFT: the heavy half of `finetune`. Base, adapter, rows and settings come together here.

Importing it costs seconds. How a training runs stands in `arny_trainer`.
"""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import transformers
from msgspec import Struct
from peft import LoraConfig
from transformers import PreTrainedTokenizerFast
from trl.trainer.sft_config import SFTConfig

from arny_studio.engine import checkpoints, cpu_loss
from arny_studio.engine.arny_trainer import ArnyTrainer
from arny_studio.engine.base_model import Placement, load_base
from arny_studio.engine.best_adapter import Score
from arny_studio.engine.evaluation_callback import EvaluationCallback
from arny_studio.engine.schedule import TimeBudget
from arny_studio.engine.training_callbacks import AskedToStop, Emit, StopMode
from arny_studio.engine.training_data import TrainingRows, pack
from arny_studio.engine.unsloth_model import load_with_unsloth
from arny_studio.recipe import TrainRecipe


class Trained(Struct, frozen=True, kw_only=True):
    """How a training ended. `stopped` is None where it ran to its end; `checkpoint_step` is the newest complete one."""

    stopped: StopMode | None
    out_of_time: bool
    steps: int
    epochs: float
    tokens: int
    tokens_per_s: float | None
    used_s: float  # from the first step on, evaluations and checkpoints included, pauses left out
    loss: float | None
    validation_loss: float | None
    checkpoint_step: int | None
    ended_early: str = ""  # why, where the run got no better
    best: tuple[Score, Path] | None = None  # what is saved instead of the last weights


class LoraTraining:
    """One fine-tuning: base and adapter loaded, rows batched, ready to run.

    `pad_id` fills batches of unequal rows. `pack_size` is the length of a pack where the recipe packs.
    """

    def __init__(
        self,
        recipe: TrainRecipe,
        base: Path,
        placement: Placement,
        *,
        train: TrainingRows,
        validation: TrainingRows | None,
        folder: Path,
        emit: Emit,
        asked: AskedToStop,
        resume: checkpoints.Complete | None,
        evaluations: EvaluationCallback,
    ) -> None:
        _quiet()
        self._resume = resume
        self._evaluations = evaluations
        self._base = base
        rows = as_dataset(train, recipe)
        held_out = as_dataset(validation, recipe) if validation else None
        budget = TimeBudget(recipe.max_minutes, used_s=resume.manifest.used_s if resume else 0.0)
        self.trainer = ArnyTrainer(
            recipe=recipe,
            budget=budget,
            asked=asked,
            emit=emit,
            lengths=[len(ids) for ids in rows["input_ids"]],
            evaluations=evaluations,
            model=_model(recipe, base, placement),
            args=arguments(recipe, placement, folder, evaluates=held_out is not None),
            train_dataset=rows,
            eval_dataset=held_out,
            processing_class=PreTrainedTokenizerFast.from_pretrained(base, local_files_only=True),
            peft_config=lora_config(recipe) if recipe.engine == "trl" else None,  # Unsloth's comes with its adapter
        )
        if placement.fp16:
            _train_in_full_precision(self.trainer.model)

    def run(self) -> Trained:
        """Train, then measure the validation loss unless the run was stopped."""
        trainer = self.trainer
        trainer.run(self._resume)
        if trainer.stopping.mode is None:
            self._evaluate_last_step()
        best = self._evaluations.best
        events = trainer.events
        return Trained(
            stopped=trainer.stopping.mode,
            out_of_time=trainer.stopping.out_of_time,
            steps=trainer.state.global_step,
            epochs=trainer.state.epoch or 0.0,
            tokens=trainer.tokens_seen,
            tokens_per_s=events.trained_tokens / events.trained_s if events.trained_s else None,
            used_s=trainer.budget.used_s,
            loss=events.last_loss,
            validation_loss=trainer.evaluated[1] if trainer.evaluated else None,
            checkpoint_step=trainer.sealed_step,
            ended_early=self._evaluations.ended_early,
            best=best.kept if best is not None else None,
        )

    def _evaluate_last_step(self) -> None:
        trainer = self.trainer
        is_known = trainer.evaluated is not None and trainer.evaluated[0] == trainer.state.global_step
        if trainer.eval_dataset is not None and not is_known:
            trainer.evaluate()
        self._evaluations.answer(trainer.state)

    def save_adapter(self, folder: Path) -> None:
        """The adapter in PEFT's layout: the best one where the recipe keeps it, else the last."""
        best = self._evaluations.best
        if best is None or best.kept is None:
            self.trainer.save_adapter(folder)
            return
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            shutil.copyfile(best.kept[1] / name, folder / name)


def as_dataset(found: TrainingRows, recipe: TrainRecipe) -> datasets.Dataset:
    """Rows as the trainer takes them; packed, a row holds several conversations and `seq_lengths` says how long."""
    if not recipe.packing:
        groups = [[index] for index in range(len(found.rows))]
    else:
        groups = pack(found.lengths, recipe.max_seq_length)
    columns = {
        "input_ids": [np.concatenate([found.rows[index].ids for index in group]) for group in groups],
        "labels": [np.concatenate([found.rows[index].labels for index in group]) for group in groups],
    }
    table = {name: _list_column(values) for name, values in columns.items()}
    if recipe.packing:
        lengths = [np.array([len(found.rows[index].ids) for index in group], np.int32) for group in groups]
        table["seq_lengths"] = _list_column(lengths)
    return datasets.Dataset(pa.table(table))


def _list_column(values: list[np.ndarray]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in values])])
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(np.concatenate(values)))


def arguments(recipe: TrainRecipe, placement: Placement, folder: Path, *, evaluates: bool) -> SFTConfig:
    """The recipe in TRL's words."""
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        num_train_epochs=recipe.epochs,
        max_steps=recipe.max_steps or -1,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        optim=placement.optimizer,
        seed=recipe.seed,
        data_seed=recipe.seed,
        max_length=recipe.max_seq_length,
        packing=recipe.packing,
        dataset_kwargs={"skip_prepare_dataset": True},  # rows are tokens and labels, cut and packed already
        assistant_only_loss=False,  # our labels say it
        bf16=placement.bf16,
        fp16=placement.fp16,
        use_cpu=placement.device == "cpu",
        ddp_backend="gloo" if placement.device == "cpu" and recipe.processes > 1 else None,
        ddp_find_unused_parameters=False if recipe.processes > 1 else None,
        activation_checkpointing=placement.gradient_checkpointing,  # what v5 calls gradient checkpointing
        logging_steps=recipe.logging_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # a loss that is no number ends the run, it is not averaged away
        save_strategy="steps",
        save_steps=recipe.save_steps,
        eval_strategy="steps" if evaluates and recipe.eval_steps else "no",
        eval_steps=recipe.eval_steps or None,
        dataloader_num_workers=0,
        dataloader_pin_memory=placement.device == "cuda",
        disable_tqdm=True,
        report_to="none",
    )


def lora_config(recipe: TrainRecipe) -> LoraConfig:
    """The adapter in PEFT's words."""
    return LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=list(recipe.target_modules),
        bias="none",
        task_type="CAUSAL_LM",
    )


def _model(recipe: TrainRecipe, base: Path, placement: Placement) -> Any:
    if recipe.engine == "unsloth":
        return load_with_unsloth(recipe, base, placement)
    return load_base(base, placement, attention=_attention(recipe, placement))


def _attention(recipe: TrainRecipe, placement: Placement) -> str:
    return cpu_loss.PACKED_ATTENTION if recipe.packing and placement.device == "cpu" else "sdpa"


def _train_in_full_precision(model: Any) -> None:
    """TRL makes adapters on 4-bit bases bfloat16, whose gradients float16's scaler cannot unscale."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _quiet() -> None:
    # The libraries tell each other about names that will change; nothing in it is for the person who trains.
    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
