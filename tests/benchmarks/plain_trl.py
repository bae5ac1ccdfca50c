"""A plain TRL script, as one would write it from TRL's documentation: what the worker is measured against.

`python plain_trl.py SPEC.json`: base, rows (token ids and labels, in the order in which they are seen), batch size,
steps, rate, padded or packed. Prints one JSON line when the first loss is known and one at the end.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(spec: dict) -> None:
    import datasets
    import torch
    from peft import LoraConfig
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class InOrder(SFTTrainer):
        def _get_train_sampler(self, train_dataset=None):
            return SequentialSampler(self.train_dataset)

    class Clock(TrainerCallback):
        began_s = ended_s = 0.0
        losses: list[float] = []  # noqa: RUF012

        def on_step_begin(self, args, state, control, **_):
            self.began_s = self.began_s or time.perf_counter()

        def on_step_end(self, args, state, control, **_):
            self.ended_s = time.perf_counter()

        def on_log(self, args, state, control, logs=None, **_):
            if logs and "loss" in logs:
                self.losses.append(logs["loss"])
                if len(self.losses) == 1:
                    say({"first_loss": logs["loss"]})

    clock = Clock()
    base = spec["base"]
    trainer = InOrder(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(base),
        train_dataset=datasets.Dataset.from_dict(spec["columns"]),
        peft_config=LoraConfig(
            r=spec["r"], lora_alpha=spec["alpha"], target_modules=spec["targets"], task_type="CAUSAL_LM"
        ),
        args=SFTConfig(
            output_dir=spec["folder"], per_device_train_batch_size=spec["batch_size"], max_steps=spec["steps"],
            learning_rate=spec["rate"], warmup_steps=spec["warmup"], lr_scheduler_type="linear", weight_decay=0.01,
            packing=spec["packing"], max_length=spec["length"], dataset_kwargs={"skip_prepare_dataset": True},
            assistant_only_loss=False, bf16=False, gradient_checkpointing=False, use_cpu=True, seed=spec["seed"],
            logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True, optim="adamw_torch_fused",
        ),
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    seconds = clock.ended_s - clock.began_s
    say({"train_s": seconds, "losses": clock.losses})


def say(figures: dict) -> None:
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
