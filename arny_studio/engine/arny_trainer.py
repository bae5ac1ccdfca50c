"""TRL's SFTTrainer on rows that are already tokens and labels, made repeatable and stoppable.

The order of rows depends on seed and epoch alone, checkpoints are sealed with a manifest of their own, the validation
loss is exact per token, and the schedule may follow the clock. Importing it costs seconds.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Sampler
from transformers import Trainer
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from trl.trainer.sft_trainer import SFTTrainer

from arny_studio.engine import checkpoints, cpu_loss, ranks
from arny_studio.engine.evaluation_callback import EvaluationCallback
from arny_studio.engine.relief import change_in_words, next_change
from arny_studio.engine.rendering import IGNORED
from arny_studio.engine.schedule import TimeBudget, rate_factor
from arny_studio.engine.training_callbacks import AskedToStop, Emit, EventCallback, StopCallback
from arny_studio.engine.training_data import epoch_order
from arny_studio.engine.training_plan import KEPT_CHECKPOINTS
from arny_studio.errors import DeviceLost, DiskFull, OutOfMemory
from arny_studio.jobs.events import Checkpoint
from arny_studio.recipe import TrainRecipe


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
        self,
        *,
        recipe: TrainRecipe,
        budget: TimeBudget,
        asked: AskedToStop,
        emit: Emit,
        lengths: list[int],
        evaluations: EvaluationCallback,
        **trl: Any,
    ) -> None:
        self._recipe = recipe
        self.budget = budget
        self._emit = emit
        self._lengths = lengths
        super().__init__(**trl)
        self.events = EventCallback(emit, budget, lambda: self.tokens_seen)
        self.stopping = StopCallback(asked, budget, lambda: self.events.step_s)
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self.add_callback(self.stopping)
        self.add_callback(self.events)
        evaluations.model, evaluations.save = self.adapted_model, self.save_adapter
        self.add_callback(evaluations)
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
            raise _named(error, self._recipe, self.state.global_step) from error

    def adapted_model(self) -> Any:
        """The base with its adapter, out of whatever it is wrapped in."""
        return self.accelerator.unwrap_model(self.model)

    def save_adapter(self, folder: Path) -> None:
        """The adapter as it is now, in PEFT's layout."""
        self.adapted_model().save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's form, with nothing filled in

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
                    spent=self.budget.spent,
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
        return self.adapted_model().get_base_model()

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Mean loss per supervised token of the validation rows. Gives nothing when it is asked to stop meanwhile."""
        total, count = 0.0, 0
        model: Any = self.model
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                for batch in self._own_evaluation_batches():
                    if self.args.world_size == 1 and self.stopping.check():
                        self._stop_after_evaluation()
                        return {}
                    batch_total, batch_count = self._summed_loss(self._prepare_inputs(batch))
                    total, count = total + batch_total, count + batch_count
        finally:
            model.train(was_training)
        total, every = ranks.summed_over_all([total, count])
        metrics = {"eval_loss": total / every}
        self.evaluated = (self.state.global_step, metrics["eval_loss"])
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _own_evaluation_batches(self) -> Iterator[Any]:
        """Every batch, or this process's share of them: accelerate would repeat rows to make the shares equal."""
        if self.args.world_size == 1:
            yield from self.get_eval_dataloader()
            return
        loader = DataLoader(
            cast(Any, self.eval_dataset), self.args.per_device_eval_batch_size, collate_fn=self.data_collator
        )
        for number, batch in enumerate(loader):
            if number % self.args.world_size == self.args.process_index:
                yield batch

    def _summed_loss(self, inputs: dict[str, Any]) -> tuple[float, int]:
        if self._takes_shorter_way(inputs):
            total, count = cpu_loss.summed_loss(self._causal_model(), inputs)
            return float(total), count
        model: Any = self.model
        if self._recipe.engine == "unsloth":  # its forward replaces TRL's fused head
            count = int((inputs["labels"][:, 1:] != IGNORED).sum())
            with self.compute_loss_context_manager():
                return float(super().compute_loss(model, inputs)) * count, count
        with self.compute_loss_context_manager():
            output = model(**inputs, use_cache=False, fused_lm_head=True)
        return -float(output.log_probs.sum()), int(output.label_mask.sum())

    def _stop_after_evaluation(self) -> None:
        self.control.should_training_stop = True
        self.control.should_save = self.stopping.mode == "save"

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The adapter alone: tokenizer and arguments stand in the base and in the recipe."""
        if self.args.should_save:
            self.save_adapter(Path(output_dir) if output_dir else self._folder)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        folder = self._folder / f"checkpoint-{self.state.global_step}"
        if self.sealed_step == self.state.global_step:
            return
        if folder.exists() and self.args.should_save:
            checkpoints.set_aside(folder)
        ranks.wait_for_all()
        try:
            Trainer._save_checkpoint(self, model, trial)  # TRL's own would write a model card first
            ranks.wait_for_all()
            if self.args.should_save:
                self._seal(folder)
        except Exception as error:
            if not _is_disk_full(error):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            sentence = f"The disk is full: the checkpoint of step {self.state.global_step} was not written."
            raise DiskFull(sentence, hint="Free some room and resume; earlier checkpoints stand.") from error
        self.sealed_step = self.state.global_step
        if self.args.should_save:
            self._emit(Checkpoint(step=self.state.global_step, path=f"{folder.parent.name}/{folder.name}"))
            checkpoints.prune(folder.parent, keep=KEPT_CHECKPOINTS)

    def _seal(self, folder: Path) -> None:
        checkpoints.seal(folder, step=self.state.global_step, tokens=self.tokens_seen, used_s=self.budget.used_s)


def _tokens_in(inputs: dict[str, Any]) -> int:
    """Tokens of a batch without padding; a packed batch has none."""
    return int(inputs["attention_mask"].sum()) if "attention_mask" in inputs else inputs["input_ids"].numel()


def _is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # torch and safetensors write in native code and keep the reason in their text only.
    text = str(error)
    return any(sign in text for sign in ("No space left", "File too large", "PytorchStreamWriter failed writing"))


def _named(error: RuntimeError, recipe: TrainRecipe, step: int) -> BaseException:
    """The error as one of ours where it is a lack of memory, else as it is."""
    text = str(error)
    on_gpu = isinstance(error, torch.OutOfMemoryError) or "CUDA out of memory" in text
    lost = _lost_device(text, step) if not on_gpu else None
    if lost is not None:
        return lost
    if not on_gpu and "can't allocate memory" not in text:
        return error
    return OutOfMemory(
        f"{'The GPU' if on_gpu else 'This machine'} ran out of memory at step {step + 1}, with {recipe.batch_size} × "
        f"{recipe.max_seq_length} tokens at a time.",
        hint=f"The smallest change: {change_in_words(next_change(recipe, on_gpu=on_gpu))}.",
    )


def _lost_device(text: str, step: int) -> DeviceLost | None:
    """A GPU that fell off the bus, or a driver that gave up: nothing of the training's own making."""
    if "gloo" in text.lower() or "Connection closed by peer" in text:
        sentence = f"A process that trains with this one ended at step {step + 1}."
        return DeviceLost(sentence, hint="The reason stands in the log of the run; resume it: checkpoints stand.")
    signs = ("CUDA error", "CUDA driver error", "cuDNN error", "NCCL error")
    if not any(sign in text for sign in signs):
        return None
    reason = next(line for line in text.splitlines() if any(sign in line for sign in signs)).strip()
    return DeviceLost(
        f"The GPU gave up at step {step + 1}: {reason}",
        hint="Look at the cable, the driver and the temperature (nvidia-smi), then resume; checkpoints stand.",
    )
