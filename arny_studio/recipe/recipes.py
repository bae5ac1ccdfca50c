"""The recipes, one per worker. Fields say their unit, bound and help once; form, flags and docs are derived.

Paths in a recipe are absolute, or relative to the folder of the recipe file; `load_recipe` resolves nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Quant = Literal["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"]


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every recipe carries."""

    title: Annotated[str, Meta(description="What people call this run.")] = ""


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


class ExportRecipe(Recipe, tag="export", frozen=True, kw_only=True):
    """Adapter + base → merged → F16 GGUF → quants."""

    base: Annotated[str, Meta(description="Folder of the base model in safetensors.")]
    adapter: Annotated[str, Meta(description="Folder of the LoRA adapter; empty: the base as it is.")] = ""
    quants: Annotated[tuple[Quant, ...], Meta(min_length=1, description="Formats to write.")] = ("Q4_K_M",)
    name: Annotated[str, Meta(description="Basename of the GGUF files; empty: made from the base.")] = ""
    tier: Annotated[Literal["tier1", "tier2", ""], Meta(description="Which tier the files are for, if any.")] = ""
    contract: Annotated[str, Meta(description="Contract id or file, for lineage.")] = "router-v1"
    keep_f16: Annotated[bool, Meta(description="Keep the F16 file even where it is not asked for.")] = False
    merged_folder: Annotated[bool, Meta(description="Also write the merged model as safetensors.")] = False
    threads: Annotated[int, Meta(ge=0, description="Threads for quantizing; 0: one less than there are cores.")] = 0


class EvaluateRecipe(Recipe, tag="evaluate", frozen=True, kw_only=True):
    """Score a router on held-out samples."""

    model: Annotated[str, Meta(description="GGUF file, or a Hugging Face folder (needs the train extra).")]
    data: Annotated[str, Meta(description="JSONL file with the truth: messages rows, or {text, journey} rows.")]
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    limit: Annotated[int, Meta(ge=0, description="Rows to score; 0: all.")] = 0
    constrained: Annotated[bool, Meta(description="Decode under the contract's schema.")] = False
    context: Annotated[int, Meta(ge=128, le=131072, description="Context length, in tokens.")] = 1024
    threads: Annotated[int, Meta(ge=0, description="Threads; 0: one less than there are cores.")] = 0


class PhoneRecipe(Recipe, tag="phone", frozen=True, kw_only=True):
    """One simulated phone."""

    tier1: Annotated[str, Meta(description="GGUF of the router.")]
    tier2: Annotated[str, Meta(description="GGUF of the reasoner; empty: none.")] = ""
    device: Annotated[str, Meta(description="Profile id (4gb, 6gb, 12gb) or a profile file.")] = "6gb"
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    complexity_threshold: Annotated[int, Meta(ge=0, le=101, description="Scores from here on go to Tier-2.")] = 60
    confidence_floor: Annotated[float, Meta(ge=0, le=1, description="Below this the router asks.")] = 0.5
    constrained: Annotated[bool, Meta(description="Decode the decision under the contract's schema.")] = True
    router_temperature: Annotated[float, Meta(ge=0, le=2, description="0: greedy.")] = 0.0
    router_max_tokens: Annotated[int, Meta(ge=1, le=4096, description="Longest decision, in tokens.")] = 256
    reasoner_temperature: Annotated[float, Meta(ge=0, le=2, description="Sampling temperature of Tier-2.")] = 0.7
    reasoner_max_tokens: Annotated[int, Meta(ge=1, le=8192, description="Longest answer, in tokens.")] = 512
    seed: Annotated[int, Meta(ge=0, description="Seed of sampling.")] = 1
    queries: Annotated[str, Meta(description="JSONL file with {query} lines to run; empty: wait for commands.")] = ""
    threads: Annotated[int, Meta(ge=0, description="Threads; 0: one less than there are cores.")] = 0


class DataRecipe(Recipe, tag="data", frozen=True, kw_only=True):
    """A pass over a whole dataset: write one, check one, or split one."""

    task: Annotated[Literal["generate", "check", "split"], Meta(description="Which pass.")]
    path: Annotated[str, Meta(description="The dataset: written by generate, read by check and split.")]
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    tier: Annotated[Literal["tier1", "tier2"], Meta(description="Which generator writes.")] = "tier1"
    rows: Annotated[int, Meta(ge=1, le=10_000_000, description="Rows to generate.")] = 3000
    seed: Annotated[int, Meta(ge=0, description="Seed of the generator.")] = 7
    phrases: Annotated[
        Literal["train", "test", "shapes"],
        Meta(description="Phrases and entities of training, held-out ones, or (Tier-1) held-out sentence shapes."),
    ] = "train"
    validation_share: Annotated[float, Meta(ge=0, lt=1, description="Share of rows for validation.")] = 0.1
    test_share: Annotated[float, Meta(ge=0, lt=1, description="Share of rows for testing.")] = 0.0
