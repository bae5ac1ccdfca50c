"""Tokens per second and GPU memory of LoRA training at the exact shapes of Qwen2.5, with random weights.

`python -m tests.benchmarks.gpu_training OUT.json [--shape 1.5b] [--shape 3b] [--settings 12] [--steps 20]` on a
machine with a GPU: bf16 LoRA r=16 over packs of 2,048 tokens, then predicted against actual memory over settings.
Without a GPU it runs the same way on the CPU, for which `--shape tiny` is meant. Random weights cost what real ones do.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from msgspec import structs

from arny_studio.engine.finetune import finetune
from arny_studio.jobs.events import Event, Finished, Memory, Result
from arny_studio.paths import DEMO_BASE
from arny_studio.recipe import TrainRecipe

# config.json of the published models; the vocabulary is the real one, also where the tokenizer is the demo's.
SHAPES: dict[str, dict[str, int]] = {
    "1.5b": {"hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
             "intermediate_size": 8960, "vocab_size": 151_936},
    "3b": {"hidden_size": 2048, "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2,
           "intermediate_size": 11_008, "vocab_size": 151_936},
    "tiny": {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
             "intermediate_size": 512, "vocab_size": 4096},
}  # fmt: skip
WANTED_TOKENS_PER_S = {"1.5b": 45_000, "3b": 25_000}  # on one H100
# Twelve settings: length of a pack, packs at a time, four bits, checkpointing.
SETTINGS = list(itertools.product((1024, 2048), (1, 4), (False, True), (True, False)))[:12]


def random_base(folder: Path, shape: str) -> Path:
    """A Qwen2 folder of the shape with random bfloat16 weights and the demo base's tokenizer."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(**SHAPES[shape], tie_word_embeddings=True, max_position_embeddings=32_768)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    del model
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(DEMO_BASE / name, folder / name)
    return folder


def rows_file(path: Path, tokens: int) -> Path:
    """Conversations of a router's length, enough for so many tokens."""
    words = [f"word{number}" for number in range(500)]
    chance = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(max(8, tokens // 200)):
            asked, said = (" ".join(chance.choices(words, k=count)) for count in (20, 30))
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
            file.write(json.dumps({"messages": turns}) + "\n")
    return path


def recipe_for(
    base: Path, data: Path, *, steps: int, length: int, batch: int, four_bits: bool, checkpointing: bool
) -> TrainRecipe:
    """bf16 or NF4 LoRA, r=16 on all linear layers, packed."""
    return TrainRecipe(
        base=str(base), train_data=str(data), lora_r=16, lora_alpha=16, batch_size=batch, gradient_accumulation=1,
        max_steps=steps, epochs=100, max_seq_length=length, packing=True, optimizer="adamw", load_in_4bit=four_bits,
        gradient_checkpointing=checkpointing, save_steps=10_000,
    )  # fmt: skip


def measured(recipe: TrainRecipe, folder: Path) -> dict[str, Any]:
    """One training: its speed, and its memory as predicted and as it was (bytes; None without a GPU)."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    said: dict[str, dict[str, Any]] = {}
    peak = [0]

    def hear(event: Event) -> None:
        if isinstance(event, Result):
            said[event.name] = event.values
        if isinstance(event, Memory):
            peak[0] = max(peak[0], event.gpu_bytes or 0)

    last = finetune(
        recipe, checkpoint_folder=folder / "checkpoints", outputs=folder / "outputs", emit=hear,
        asked_to_stop=lambda: None,
    )  # fmt: skip
    assert isinstance(last, Finished)
    shutil.rmtree(folder)
    return {
        "tokens_per_s": said["training"]["tokens_per_s"],
        "predicted_bytes": said["plan"]["raw_bytes"],
        "peak_bytes": peak[0] or None,
        "loss": said["training"]["loss"],
        "recipe": structs.asdict(recipe),
    }


def benchmark(shape: str, *, steps: int, settings: int, scratch: Path) -> dict[str, Any]:
    """Speed at packs of 2,048 (shorter on the tiny shape), and the memory of the first `settings` settings."""
    longest = 128 if shape == "tiny" else 2048
    base = random_base(scratch / f"base-{shape}", shape)
    data = rows_file(scratch / f"rows-{shape}.jsonl", steps * longest * 4)
    fast = recipe_for(base, data, steps=steps, length=longest, batch=4, four_bits=False, checkpointing=True)
    found: dict[str, Any] = {"shape": shape, "speed": measured(fast, scratch / "speed"), "memory": []}
    for number, (length, batch, four_bits, checkpointing) in enumerate(SETTINGS[:settings]):
        recipe = recipe_for(
            base, data, steps=3, length=min(length, longest), batch=batch, four_bits=four_bits,
            checkpointing=checkpointing,
        )  # fmt: skip
        found["memory"].append(measured(recipe, scratch / f"memory-{number}"))
    return found


def main() -> None:
    """Measure the shapes that are asked for, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shape", action="append", choices=SHAPES)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--settings", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = [
            benchmark(shape, steps=options.steps, settings=options.settings, scratch=Path(scratch))
            for shape in options.shape or ("1.5b", "3b")
        ]
    options.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
