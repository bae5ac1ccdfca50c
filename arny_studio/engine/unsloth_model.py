"""Base and adapter through Unsloth, where the recipe asks for it and the interpreter has it.

Unsloth patches transformers, TRL and PEFT when it is imported, so it is imported before all of them.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from arny_studio.engine.base_model import Placement
from arny_studio.errors import BadInput, MissingExtra
from arny_studio.recipe import TrainRecipe


def import_unsloth() -> None:
    """Let Unsloth patch the training libraries, before anything else imports them. Raises MissingExtra, BadInput."""
    if importlib.util.find_spec("unsloth") is None:
        error = MissingExtra("unsloth", "train", "This recipe's engine")
        error.hint = (
            f"It lives in an environment of its own: give that Python with --python. This one is {sys.executable}."
        )
        raise error
    try:
        importlib.import_module("unsloth")
    except Exception as error:  # it checks drivers, compilers and versions while it is imported, and raises anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadInput(
            f"Unsloth cannot be used here: {reason}", hint='Set engine = "trl" to train without it.'
        ) from error


def load_with_unsloth(recipe: TrainRecipe, base: Path, placement: Placement) -> Any:
    """The model with its adapter in place, as `FastLanguageModel` makes it. Raises BadInput where it does not."""
    fast = importlib.import_module("unsloth").FastLanguageModel
    try:
        model, _tokenizer = fast.from_pretrained(
            model_name=str(base),
            max_seq_length=recipe.max_seq_length,
            dtype=None,  # bfloat16 where the GPU has it, else float16
            load_in_4bit=recipe.load_in_4bit and placement.device == "cuda",
            trust_remote_code=False,
        )
        return fast.get_peft_model(
            model,
            r=recipe.lora_r,
            target_modules=list(recipe.target_modules),
            lora_alpha=recipe.lora_alpha,
            lora_dropout=recipe.lora_dropout,
            bias="none",
            use_gradient_checkpointing="unsloth" if placement.gradient_checkpointing else False,
            random_state=recipe.seed,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadInput(f"Unsloth cannot load {base}: {reason}") from error
