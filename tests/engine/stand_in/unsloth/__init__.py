"""Stands in for Unsloth in tests: the two calls that our worker makes, with Unsloth's own names and defaults.

Unsloth needs a GPU; what is tested with this is our side of the boundary, not Unsloth.
"""

from __future__ import annotations

import sys

__version__ = "2026.10.9"
IMPORTED_BEFORE_THE_OTHERS = not {"transformers", "trl", "peft"} & sys.modules.keys()


class FastLanguageModel:
    @staticmethod
    def from_pretrained(
        model_name="unsloth/Llama-3.2-1B-Instruct", max_seq_length=2048, dtype=None, load_in_4bit=True,
        load_in_8bit=False, full_finetuning=False, token=None, device_map="sequential", trust_remote_code=False,
        use_gradient_checkpointing="unsloth", **_,
    ):  # fmt: skip
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not IMPORTED_BEFORE_THE_OTHERS:
            raise RuntimeError("Unsloth should be imported before trl, transformers, peft")
        model = AutoModelForCausalLM.from_pretrained(model_name, dtype=dtype or torch.float32)
        return model, AutoTokenizer.from_pretrained(model_name)

    @staticmethod
    def get_peft_model(
        model, r=16, target_modules=("q_proj",), lora_alpha=16, lora_dropout=0.0, bias="none",
        use_gradient_checkpointing="unsloth", random_state=3407, max_seq_length=2048, use_rslora=False, **_,
    ):  # fmt: skip
        import torch
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(random_state)
        return get_peft_model(
            model,
            LoraConfig(
                r=r, lora_alpha=lora_alpha, lora_dropout=lora_dropout, target_modules=list(target_modules), bias=bias,
                task_type="CAUSAL_LM",
            ),
        )  # fmt: skip
