"""What to fine-tune and how."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from arny_studio.recipe.base import Recipe


class TrainRecipe(Recipe, tag="train", frozen=True, kw_only=True):
    """What to fine-tune and how. Says nothing about where it runs. Defaults: the source document's Tier-1 column."""

    tier: Annotated[Literal["tier1", "tier2"], Meta(description="Which of the two models this makes.")] = "tier1"
    base: Annotated[str, Meta(description="Folder of the base model, or its Hub id.")]
    train_data: Annotated[str, Meta(description="JSONL file with the training samples.")]
    validation_data: Annotated[str, Meta(description="JSONL file with the validation samples; empty for none.")] = ""
    validation_rows: Annotated[int, Meta(ge=0, description="Validation samples that are used; 0: all.")] = 0
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"

    lora_r: Annotated[int, Meta(ge=1, le=512, description="Rank of the adapter.")] = 16
    lora_alpha: Annotated[int, Meta(ge=1, le=1024, description="Scale of the adapter (alpha / r).")] = 16
    lora_dropout: Annotated[float, Meta(ge=0, lt=1, description="Dropout inside the adapter.")] = 0.0
    target_modules: Annotated[tuple[str, ...], Meta(description="Layers that get an adapter.")] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    batch_size: Annotated[int, Meta(ge=1, le=512, description="Samples per device and forward pass.")] = 4
    gradient_accumulation: Annotated[int, Meta(ge=1, le=512, description="Forward passes per step.")] = 4
    epochs: Annotated[float, Meta(gt=0, le=100, description="Passes over the training data.")] = 4
    max_steps: Annotated[int, Meta(ge=0, description="Stop after this many steps; 0: epochs decide.")] = 0
    max_minutes: Annotated[float, Meta(ge=0, description="End the training after this many minutes; 0: no limit.")] = 0
    learning_rate: Annotated[float, Meta(gt=0, le=1e-1, description="Peak learning rate.")] = 2e-4
    scheduler: Annotated[Literal["linear", "cosine", "constant"], Meta(description="Learning-rate schedule.")] = (
        "linear"
    )
    warmup_steps: Annotated[int, Meta(ge=0, description="Steps until the peak learning rate.")] = 5
    max_seq_length: Annotated[int, Meta(ge=64, le=32768, description="Longest sample, in tokens.")] = 2048
    packing: Annotated[bool, Meta(description="Put several samples into one row.")] = False
    optimizer: Annotated[
        Literal["adamw_8bit", "adamw"], Meta(description="adamw_8bit needs bitsandbytes and CUDA; else AdamW is used.")
    ] = "adamw_8bit"
    weight_decay: Annotated[float, Meta(ge=0, le=1, description="AdamW weight decay.")] = 0.01
    load_in_4bit: Annotated[bool, Meta(description="Load the base in NF4 (CUDA only).")] = True
    gradient_checkpointing: Annotated[bool, Meta(description="Trade time for memory on CUDA.")] = True
    seed: Annotated[int, Meta(ge=0, description="Seed of shuffling and adapter initialisation.")] = 3407
    logging_steps: Annotated[int, Meta(ge=1, description="Steps between two points of the curve.")] = 1
    save_steps: Annotated[int, Meta(ge=1, description="Steps between checkpoints.")] = 50
    eval_steps: Annotated[int, Meta(ge=0, description="Steps between validation losses; 0: only at the end.")] = 0

    answer_steps: Annotated[
        int, Meta(ge=0, description="Steps between rounds in which held-out validation prompts are answered; 0: never.")
    ] = 0
    answer_rows: Annotated[
        int,
        Meta(ge=1, le=500, description="Held-out prompts of the validation data that are answered, always the same."),
    ] = 12
    answer_tokens: Annotated[int, Meta(ge=8, le=4096, description="Longest answer, in tokens.")] = 256
    keep_best_by: Annotated[
        Literal["", "validation_loss", "json_valid", "journey_accuracy", "field_agreement", "word_overlap"],
        Meta(description="Keep the adapter of the evaluation that was best by this figure; empty: the last one."),
    ] = ""
    early_stopping: Annotated[
        int, Meta(ge=0, le=1000, description="End after this many evaluations without a better figure; 0: never.")
    ] = 0
    engine: Annotated[
        Literal["trl", "unsloth"], Meta(description="What trains; Unsloth lives in an environment of its own.")
    ] = "trl"
    processes: Annotated[int, Meta(ge=1, le=16, description="Processes on this machine, one for each GPU.")] = 1
    share_gpu: Annotated[bool, Meta(description="Start although another run holds the GPU.")] = False
    foreign: Annotated[
        str, Meta(description="Keys of an imported recipe that are not used here, as YAML; kept for an export.")
    ] = ""


def contradictions(recipe: TrainRecipe) -> dict[str, str]:
    """What cannot be meant together, as a sentence per field; empty where the recipe is sound."""
    found: dict[str, str] = {}
    if recipe.keep_best_by == "validation_loss" and not (recipe.validation_data and recipe.eval_steps):
        found["keep_best_by"] = "Keeping the best by validation loss needs validation data and eval_steps above 0."
    elif recipe.keep_best_by not in ("", "validation_loss") and not (recipe.validation_data and recipe.answer_steps):
        found["keep_best_by"] = (
            f"Keeping the best by {recipe.keep_best_by} needs validation data and answer_steps above 0."
        )
    if recipe.early_stopping and not recipe.keep_best_by:
        found["early_stopping"] = "Early stopping needs a figure to watch: set keep_best_by."
    if recipe.processes > 1 and recipe.engine == "unsloth":
        found["processes"] = "Unsloth trains in one process only."
    if recipe.processes > 1 and recipe.max_minutes:
        found["max_minutes"] = "Minutes bound a training of one process only; use max_steps."
    return found
