"""LoRA fine-tuning with TRL and PEFT: the heavy half of `finetune`. Importing it costs seconds.

`ArnyTrainer` is TRL's SFTTrainer on rows that are already tokens and labels. It differs in what makes a run repeatable
and stoppable: the order of rows depends on seed and epoch alone, checkpoints are sealed with a manifest of their own,
the validation loss is exact per token, and a schedule may follow the clock.
"""

from __future__ import annotations

import errno
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
import pyarrow as pa
import torch
import transformers
from msgspec import Struct
from peft import LoraConfig
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerFast, Trainer
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from arny_studio.engine import checkpoints, cpu_loss
from arny_studio.engine.base_model import Placement, load_base
from arny_studio.engine.schedule import TimeBudget, rate_factor
from arny_studio.engine.training_callbacks import AskedToStop, Emit, EventCallback, StopCallback, StopMode
from arny_studio.engine.training_data import TrainingRows, epoch_order, pack
from arny_studio.errors import DiskFull, OutOfMemory
from arny_studio.jobs.events import Checkpoint
from arny_studio.recipe import TrainRecipe

KEPT_CHECKPOINTS = 2


class Trained(Struct, frozen=True, kw_only=True):
    """How a training ended. `stopped` is None where it ran to its end; `checkpoint_step` is the newest complete one."""

    stopped: StopMode | None
    out_of_time: bool
    steps: int
    epochs: float
    tokens: int
    tokens_per_s: float | None
    loss: float | None
    validation_loss: float | None
    checkpoint_step: int | None


class SeededOrder(Sampler[int]):
    """Row indices of one epoch; the same for the same seed and epoch, whatever was drawn before."""

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The trainer says which epoch begins."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        yield from epoch_order(self._lengths, self._batch_size, seed=self._seed, epoch=self._epoch)

    def __len__(self) -> int:
        return len(self._lengths)


class ArnyTrainer(SFTTrainer):
    """SFTTrainer on tokenized rows, repeatable and stoppable. `sealed_step` is the newest complete checkpoint's step."""

    def __init__(
        self, *, recipe: TrainRecipe, budget: TimeBudget, asked: AskedToStop, emit: Emit, lengths: list[int], **trl: Any
    ) -> None:
        self._recipe = recipe
        self._budget = budget
        self._emit = emit
        self._lengths = lengths
        super().__init__(**trl)
        self.events = EventCallback(emit, budget, lambda: self.tokens_seen)
        self.stopping = StopCallback(asked, budget, lambda: self.events.step_s)
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self.add_callback(self.stopping)
        self.add_callback(self.events)
        self._folder = Path(trl["args"].output_dir)
        self.sealed_step: int | None = None
        self.evaluated: tuple[int, float] | None = None  # step and validation loss of the last evaluation

    @property
    def tokens_seen(self) -> int:
        """Tokens of the run so far, those before a resume included."""
        return int(self._total_train_tokens)

    def run(self, resume: checkpoints.Complete | None) -> None:
        """Train from the beginning or from a checkpoint, until the end, a stop or the time limit."""
        if resume is not None:
            self._total_train_tokens = resume.manifest.tokens
            self.sealed_step = resume.manifest.step
        try:
            self.train(resume_from_checkpoint=str(resume.folder) if resume else None)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            raise _named(error, self._recipe, self.state.global_step, bool(self.args.gradient_checkpointing)) from error

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return SeededOrder(self._lengths, self.args.per_device_train_batch_size, self._recipe.seed)

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """The recipe's schedule, which follows the clock where minutes bound the run."""
        if self.lr_scheduler is None:
            recipe = self._recipe
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                cast(torch.optim.Optimizer, optimizer or self.optimizer),
                lambda step: rate_factor(
                    step,
                    total=num_training_steps,
                    warmup=recipe.warmup_steps,
                    shape=recipe.scheduler,
                    spent=self._budget.spent,
                ),
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean loss of a batch, over the tokens of the whole step; on a CPU by the shorter way."""
        if return_outputs or not self._takes_shorter_way(inputs):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        total, count = cpu_loss.summed_loss(self._causal_model(), inputs)
        self._total_train_tokens += _tokens_in(inputs)
        return total / (count if num_items_in_batch is None else num_items_in_batch)

    def _takes_shorter_way(self, inputs: dict[str, Any]) -> bool:
        if self.args.device.type != "cpu" or self.args.world_size > 1:
            return False
        return cpu_loss.can_sum(inputs["labels"], self._causal_model().config.vocab_size)

    def _causal_model(self) -> Any:
        return self.accelerator.unwrap_model(self.model).get_base_model()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Mean loss per supervised token of the validation rows. Gives nothing when it is asked to stop meanwhile."""
        total, count = 0.0, 0
        model: Any = self.model
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                for batch in self.get_eval_dataloader():
                    if self.stopping.check():
                        self._stop_after_evaluation()
                        return {}
                    batch_total, batch_count = self._summed_loss(self._prepare_inputs(batch))
                    total, count = total + batch_total, count + batch_count
        finally:
            model.train(was_training)
        metrics = {"eval_loss": total / count}
        self.evaluated = (self.state.global_step, metrics["eval_loss"])
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _summed_loss(self, inputs: dict[str, Any]) -> tuple[float, int]:
        if self._takes_shorter_way(inputs):
            total, count = cpu_loss.summed_loss(self._causal_model(), inputs)
            return float(total), count
        model: Any = self.model
        with self.compute_loss_context_manager():
            output = model(**inputs, use_cache=False, fused_lm_head=True)
        return -float(output.log_probs.sum()), int(output.label_mask.sum())

    def _stop_after_evaluation(self) -> None:
        self.control.should_training_stop = True
        self.control.should_save = self.stopping.mode == "save"

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The adapter alone: tokenizer and arguments stand in the base and in the recipe."""
        folder = output_dir or str(self._folder)
        self.accelerator.unwrap_model(self.model).save_pretrained(folder, save_embedding_layers=False)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        folder = self._folder / f"checkpoint-{self.state.global_step}"
        if self.sealed_step == self.state.global_step:
            return
        if folder.exists():
            checkpoints.set_aside(folder)
        try:
            Trainer._save_checkpoint(self, model, trial)  # TRL's own would write a model card first
            checkpoints.seal(folder, step=self.state.global_step, tokens=self.tokens_seen, used_s=self._budget.used_s)
        except Exception as error:
            if not _is_disk_full(error):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            sentence = f"The disk is full: the checkpoint of step {self.state.global_step} was not written."
            raise DiskFull(sentence, hint="Free some room and resume; earlier checkpoints stand.") from error
        self.sealed_step = self.state.global_step
        self._emit(Checkpoint(step=self.state.global_step, path=f"{folder.parent.name}/{folder.name}"))
        checkpoints.prune(folder.parent, keep=KEPT_CHECKPOINTS)


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
    ) -> None:
        _quiet()
        self._resume = resume
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
            model=load_base(base, placement, attention=_attention(recipe, placement)),
            args=arguments(recipe, placement, folder, evaluates=held_out is not None),
            train_dataset=rows,
            eval_dataset=held_out,
            processing_class=PreTrainedTokenizerFast.from_pretrained(base, local_files_only=True),
            peft_config=lora_config(recipe),
        )
        if placement.fp16:
            _train_in_full_precision(self.trainer.model)

    def run(self) -> Trained:
        """Train, then measure the validation loss unless the run was stopped."""
        trainer = self.trainer
        trainer.run(self._resume)
        if trainer.stopping.mode is None:
            self._evaluate_last_step()
        events = trainer.events
        return Trained(
            stopped=trainer.stopping.mode,
            out_of_time=trainer.stopping.out_of_time,
            steps=trainer.state.global_step,
            epochs=trainer.state.epoch or 0.0,
            tokens=trainer.tokens_seen,
            tokens_per_s=events.trained_tokens / events.trained_s if events.trained_s else None,
            loss=events.last_loss,
            validation_loss=trainer.evaluated[1] if trainer.evaluated else None,
            checkpoint_step=trainer.sealed_step,
        )

    def _evaluate_last_step(self) -> None:
        trainer = self.trainer
        if trainer.eval_dataset is None:
            return
        if trainer.evaluated is None or trainer.evaluated[0] != trainer.state.global_step:
            trainer.evaluate()

    def save_adapter(self, folder: Path) -> None:
        """The adapter in PEFT's layout."""
        self.trainer.save_model(str(folder))


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


def _attention(recipe: TrainRecipe, placement: Placement) -> str:
    return cpu_loss.PACKED_ATTENTION if recipe.packing and placement.device == "cpu" else "sdpa"


def _tokens_in(inputs: dict[str, Any]) -> int:
    """Tokens of a batch without padding; a packed batch has none."""
    return int(inputs["attention_mask"].sum()) if "attention_mask" in inputs else inputs["input_ids"].numel()


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


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # torch and safetensors write in native code and keep the reason in their text only.
    text = str(error)
    return any(sign in text for sign in ("No space left", "File too large", "PytorchStreamWriter failed writing"))


def _named(error: RuntimeError, recipe: TrainRecipe, step: int, checkpointing: bool) -> BaseException:
    """The error as one of ours where it is a lack of memory, else as it is."""
    text = str(error)
    on_gpu = isinstance(error, torch.OutOfMemoryError) or "CUDA out of memory" in text
    if not on_gpu and "can't allocate memory" not in text:
        return error
    return OutOfMemory(
        f"{'The GPU' if on_gpu else 'This machine'} ran out of memory at step {step + 1}, with {recipe.batch_size} × "
        f"{recipe.max_seq_length} tokens at a time.",
        hint=f"The smallest change: {smallest_relief(recipe, on_gpu=on_gpu, checkpointing=checkpointing)}.",
    )


def smallest_relief(recipe: TrainRecipe, *, on_gpu: bool, checkpointing: bool) -> str:
    """The change to a recipe that saves memory and costs the training least, in words."""
    if on_gpu and not checkpointing:
        return "set gradient_checkpointing = true (slower, same result)"
    if recipe.batch_size > 1:
        half = recipe.batch_size // 2
        accumulation = recipe.gradient_accumulation * recipe.batch_size // half
        return f"set batch_size = {half} and gradient_accumulation = {accumulation} (same result)"
    if on_gpu and not recipe.load_in_4bit:
        return "set load_in_4bit = true"
    return f"set max_seq_length = {max(64, recipe.max_seq_length // 2)}"
