"""Fine-tuning from recipe to adapter: what happens in which order, and what is said on the way.

Data is read and refused before the training libraries are imported, which alone takes seconds. The heavy half stands in
`lora_training`. Knows no run folder and no process: it writes where it is told, and ends with an event.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from arny_studio.contract import load_contract
from arny_studio.engine import checkpoints, ranks
from arny_studio.engine.adapter_folder import write_adapter
from arny_studio.engine.base_model import Placement, check_base, local_base, place, resolve_base, set_environment
from arny_studio.engine.gpus import gpu_facts
from arny_studio.engine.held_out_scoring import held_out_prompts
from arny_studio.engine.preflight import refuse_to_start
from arny_studio.engine.relief import change_in_words, fitting_change
from arny_studio.engine.rendering import Renderer
from arny_studio.engine.training_data import TrainingRows, read_training_rows
from arny_studio.engine.training_estimate import Plan, placement_here, plan_training
from arny_studio.engine.unsloth_model import import_unsloth
from arny_studio.errors import MissingExtra, OutOfMemory
from arny_studio.jobs.events import Event, Finished, Log, Result, Stage, Stopped
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.licences import licence_of

if TYPE_CHECKING:
    from arny_studio.engine.evaluation_callback import EvaluationCallback
    from arny_studio.engine.lora_training import LoraTraining, Trained

STAGES = {
    "read": "Read data",
    "libraries": "Load libraries",
    "model": "Load model",
    "train": "Train",
    "save": "Save",
}
Emit = Callable[[Event], None]
AskedToStop = Callable[[], Literal["save", "now"] | None]


class Prepared(Struct, frozen=True):
    """What was read before anything heavy is imported."""

    base: Path
    renderer: Renderer
    train: TrainingRows
    validation: TrainingRows | None
    plan: Plan | None


def finetune(
    recipe: TrainRecipe,
    *,
    checkpoint_folder: Path,
    outputs: Path,
    emit: Emit,
    asked_to_stop: AskedToStop,
    on_start: Callable[[str, int | None], None] = lambda _device, _step: None,
    start_others: Callable[[], None] = lambda: None,
) -> Finished | Stopped:
    """Train an adapter and leave it in `outputs`/adapter; go on from the newest complete checkpoint where there is one.

    `asked_to_stop` is looked at after every step. `on_start` is told the device, and the step that the run goes on from
    or None, before the first metric. `start_others` is called once the data is read, where the recipe wants further
    processes. Raises ArnyError with a sentence for whatever keeps it from training:
    bad data, base or recipe, a library that is missing, memory or disk that does not suffice, a loss that diverges.
    """
    _require_training_libraries()
    set_environment()
    _enter("read", emit)
    prepared = prepare(recipe, emit)
    refuse_to_start(recipe, prepared.plan, prepared.train, prepared.validation, checkpoint_folder)
    _say_plan(recipe, prepared, emit)
    resume = _resumable(checkpoint_folder, emit)
    if asked_to_stop():
        return Stopped(summary="Stopped before training began.", resumable=True)
    if recipe.processes > 1 and ranks.is_first():
        start_others()
    _enter("libraries", emit)
    if recipe.engine == "unsloth":
        import_unsloth()
    from arny_studio.engine.lora_training import LoraTraining

    _enter("model", emit)
    placement = _placement(recipe, prepared.base, emit)
    on_start(placement.device, resume.manifest.step if resume else None)
    evaluations = _evaluations(recipe, prepared, checkpoint_folder, emit, asked_to_stop, resume)
    training = LoraTraining(
        recipe,
        prepared.base,
        placement,
        train=prepared.train,
        validation=prepared.validation,
        folder=checkpoint_folder,
        emit=emit,
        asked=asked_to_stop,
        resume=resume,
        evaluations=evaluations,
    )
    _enter("train", emit)
    trained = _trained(training, recipe, prepared, placement)
    if trained.stopped is not None:
        return _stopped(trained)
    if not ranks.is_first():
        return Finished()
    _enter("save", emit)
    emit(
        write_adapter(outputs, training.save_adapter, named=recipe.base, base=prepared.base, renderer=prepared.renderer)
    )
    emit(Result(name="training", values=_figures(trained, prepared)))
    return Finished(summary=_summary(trained))


def _placement(recipe: TrainRecipe, base: Path, emit: Emit) -> Placement:
    placement = place(
        load_in_4bit=recipe.load_in_4bit,
        optimizer_8bit=recipe.optimizer == "adamw_8bit",
        gradient_checkpointing=recipe.gradient_checkpointing,
        folder=base,
    )
    for remark in placement.remarks:
        emit(Log(text=remark))
    return placement


def _trained(training: LoraTraining, recipe: TrainRecipe, prepared: Prepared, placement: Placement) -> Trained:
    """Run it; a lack of memory names the change that the formulas say would fit."""
    try:
        return training.run()
    except OutOfMemory as error:
        raise OutOfMemory(error.sentence, hint=_relief(recipe, prepared, placement.device) or error.hint) from error


def prepare(recipe: TrainRecipe, emit: Emit) -> Prepared:
    """Find the base and tokenize the data. Raises ArnyError for a base or a dataset that cannot be used."""
    if local_base(recipe.base) is None:
        emit(Log(text=f"{recipe.base} is not on this machine yet; it is brought from the Hub, which may take minutes."))
    base = resolve_base(recipe.base)
    check_base(base)
    renderer = Renderer.from_folder(base)
    train = read_training_rows(Path(recipe.train_data), renderer, max_length=recipe.max_seq_length, say=emit)
    validation = None
    if recipe.validation_data:
        validation = read_training_rows(
            Path(recipe.validation_data),
            renderer,
            max_length=recipe.max_seq_length,
            say=emit,
            limit=recipe.validation_rows,
        )
    emit(Log(text=_described(train) + (f" Validation: {_described(validation)}" if validation else "")))
    return Prepared(base, renderer, train, validation, _planned(recipe, base, train, validation))


def _planned(recipe: TrainRecipe, base: Path, train: TrainingRows, validation: TrainingRows | None) -> Plan | None:
    """The estimates; None for a base whose shape they do not cover. A base that cannot be placed here is refused."""
    placement = placement_here(recipe, base, gpu_facts())
    try:
        return plan_training(recipe, base, placement, train, validation)
    except KeyError:
        return None


def _relief(recipe: TrainRecipe, prepared: Prepared, device: str) -> str:
    """The smallest change that takes a tenth less, by the formulas; empty where they do not cover the base."""
    if prepared.plan is None:
        return ""

    def bytes_of(changed: TrainRecipe) -> int:
        placement = placement_here(changed, prepared.base, gpu_facts())
        return plan_training(changed, prepared.base, placement, prepared.train, None).memory_bytes

    enough = int(prepared.plan.memory_bytes * 0.9)
    change = fitting_change(recipe, bytes_of, enough, on_gpu=device == "cuda")
    return f"The smallest change that should fit: {change_in_words(change or {})}."


def _say_plan(recipe: TrainRecipe, prepared: Prepared, emit: Emit) -> None:
    """What is expected, before anything heavy begins: held against what happened when the run has ended."""
    licence = licence_of(str(prepared.base) if Path(recipe.base).is_dir() else recipe.base)
    emit(Result(name="licence", values={"licence": licence.name, "note": licence.note, "base": recipe.base}))
    if licence.is_restricted:
        emit(Log(text=f"The base stands under the {licence.name}. {licence.note}", level="warning"))
    plan = prepared.plan
    if plan is not None:
        emit(Result(name="plan", values={"steps": plan.steps, "raw_s": plan.seconds, "raw_bytes": plan.memory_bytes}))


def _described(found: TrainingRows) -> str:
    skipped = f", {found.skipped} skipped" if found.skipped else ""
    share = found.supervised / found.tokens
    return (
        f"{len(found.rows):,} rows of {found.file.name}{skipped}: {found.tokens:,} tokens, {share:.0%} of them under "
        "the loss."
    )


def _enter(name: str, emit: Emit) -> None:
    emit(Stage(name=name, title=STAGES[name], index=list(STAGES).index(name) + 1, total=len(STAGES)))


def _require_training_libraries() -> None:
    for library in ("torch", "transformers", "trl", "peft", "datasets"):
        if importlib.util.find_spec(library) is None:
            raise MissingExtra(library, "train", "Training")


def _resumable(folder: Path, emit: Emit) -> checkpoints.Complete | None:
    found, said = checkpoints.newest_complete(folder)
    for sentence in said:
        emit(Log(text=sentence, level="warning"))
    if found is not None:
        emit(Log(text=f"Resumed from {found.folder.name}, step {found.manifest.step}."))
    elif said:
        emit(Log(text="No checkpoint is complete, so the training starts anew.", level="warning"))
    return found


def _evaluations(
    recipe: TrainRecipe,
    prepared: Prepared,
    folder: Path,
    emit: Emit,
    asked: AskedToStop,
    resume: checkpoints.Complete | None,
) -> EvaluationCallback:
    from arny_studio.engine.evaluation_callback import EvaluationCallback

    prompts = []
    if recipe.answer_steps and recipe.validation_data:
        prompts = held_out_prompts(Path(recipe.validation_data), recipe.answer_rows, seed=recipe.seed)
    return EvaluationCallback(
        recipe,
        prompts=prompts,
        contract=load_contract(recipe.contract),
        renderer=prepared.renderer,
        folder=folder,
        emit=emit,
        asked=asked,
        resumed_step=resume.manifest.step if resume else 0,
    )


def _stopped(trained: Trained) -> Stopped:
    step = trained.checkpoint_step
    kept = f"it can be resumed from step {step}" if step else "no checkpoint was written, so it would start anew"
    return Stopped(summary=f"Stopped at step {trained.steps}; {kept}.", resumable=True)


def _figures(trained: Trained, prepared: Prepared) -> dict[str, object]:
    return {
        "steps": trained.steps,
        "epochs": trained.epochs,
        "loss": trained.loss,
        "validation_loss": trained.validation_loss,
        "tokens": trained.tokens,
        "tokens_per_s": trained.tokens_per_s,
        "trained_s": trained.used_s,
        "ended_by_time": trained.out_of_time,
        "ended_early": bool(trained.ended_early),
        "adapter_step": trained.best[0].step if trained.best else trained.steps,
        "rows": len(prepared.train.rows),
        "rows_skipped": prepared.train.skipped,
        "rows_truncated": prepared.train.truncated,
        "validation_rows": len(prepared.validation.rows) if prepared.validation else 0,
    }


def _summary(trained: Trained) -> str:
    parts = [f"{trained.steps} steps ({trained.epochs:.2f} epochs)"]
    if trained.loss is not None:
        parts.append(f"loss {trained.loss:.3f}")
    if trained.validation_loss is not None:
        parts.append(f"validation loss {trained.validation_loss:.3f}")
    ending = "the time limit ended the training: " if trained.out_of_time else ""
    text = (ending + ", ".join(parts) + ".").capitalize()
    if trained.ended_early:
        text += f" Ended early: {trained.ended_early}."
    if trained.best is not None and trained.best[0].step != trained.steps:
        text += f" The adapter is that of step {trained.best[0].step}."
    return text
