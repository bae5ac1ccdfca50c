"""Fine-tuning in this process: what is said, what is learnt, and every way it can end."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from safetensors.numpy import load_file

from arny_studio.engine.finetune import finetune
from arny_studio.errors import ArnyError, BadInput, DeviceLost, DiskFull, MissingFile, OutOfMemory
from arny_studio.jobs.events import (
    Answers,
    Artifact,
    Checkpoint,
    Event,
    Finished,
    Log,
    Metric,
    Progress,
    Result,
    Stage,
    Stopped,
)
from arny_studio.recipe import TrainRecipe
from tests.tiny_models import make_tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base"), layers=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.jsonl"
    path.write_text("\n".join(json.dumps(sample(number)) for number in range(24)), encoding="utf-8")
    return path


def sample(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "Double it."},
            {"role": "user", "content": f"{number}" * (1 + number % 5)},
            {"role": "assistant", "content": json.dumps({"answer": 2 * number})},
        ]
    }


class Run:
    """One fine-tuning and what it said. `stop_at` wishes to stop once that step was heard of."""

    def __init__(self, folder: Path, **fields: Any) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.stop_at: int | None = None
        self.stop_mode = "save"
        defaults: dict[str, Any] = {
            "batch_size": 2, "gradient_accumulation": 2, "epochs": 2, "max_seq_length": 128, "learning_rate": 5e-3,
            "optimizer": "adamw", "load_in_4bit": False, "lora_r": 4,
        }  # fmt: skip
        self.recipe = TrainRecipe(**(defaults | fields))

    def start(self) -> Finished | Stopped:
        return finetune(
            self.recipe,
            checkpoint_folder=self.folder / "checkpoints",
            outputs=self.folder / "outputs",
            emit=self.events.append,
            asked_to_stop=self._asked,
        )

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def adapter(self) -> dict[str, Any]:
        return load_file(self.folder / "outputs" / "adapter" / "adapter_model.safetensors")

    def _asked(self) -> Any:
        reached = any(metric.step >= (self.stop_at or math.inf) for metric in self.of(Metric))
        return self.stop_mode if reached else None


def same_weights(one: Run, other: Run) -> bool:
    first, second = one.adapter(), other.adapter()
    return first.keys() == second.keys() and all(bool((first[name] == second[name]).all()) for name in first)


def test_that_a_run_says_what_it_does_and_learns(base: Path, data: Path, tmp_path: Path):
    run = Run(
        tmp_path,
        base=str(base),
        train_data=str(data),
        validation_data=str(data),
        epochs=4,
        eval_steps=8,
        save_steps=10,
        learning_rate=1e-2,
    )
    last = run.start()
    assert isinstance(last, Finished)
    assert [stage.name for stage in run.of(Stage)] == ["read", "libraries", "model", "train", "save"]
    assert [stage.index for stage in run.of(Stage)] == [1, 2, 3, 4, 5]

    training = [metric for metric in run.of(Metric) if metric.loss is not None]
    assert [metric.step for metric in training] == list(range(1, 25))
    assert training[-1].loss < 0.6 * training[0].loss
    assert training[-1].epoch == pytest.approx(4)
    assert training[-1].tokens == 4 * training[5].tokens
    assert all(metric.tokens_per_s > 0 and metric.gradient_norm > 0 for metric in training)
    assert max(metric.learning_rate for metric in training) == pytest.approx(1e-2)
    assert training[-1].learning_rate < 0.1 * 1e-2

    validation = [metric for metric in run.of(Metric) if metric.validation_loss is not None]
    assert [metric.step for metric in validation] == [8, 16, 24]
    assert validation[-1].validation_loss < validation[0].validation_loss
    assert run.of(Progress)[-1].done == run.of(Progress)[-1].total == 24
    assert [checkpoint.step for checkpoint in run.of(Checkpoint)] == [10, 20, 24]
    assert [result.name for result in run.of(Result)] == ["licence", "plan", "training"]
    plan, result = run.of(Result)[1:]
    assert plan.values["steps"] == 24
    assert (result.values["steps"], result.values["rows"], result.values["validation_rows"]) == (24, 24, 24)
    assert result.values["validation_loss"] == validation[-1].validation_loss

    (artifact,) = run.of(Artifact)
    assert (artifact.kind, artifact.path) == ("adapter", "outputs/adapter")
    names = {path.name for path in (tmp_path / artifact.path).iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert not (tmp_path / "outputs" / "adapter.partial").exists()


def test_that_the_adapters_tokenizer_ends_with_the_turn(tmp_path: Path, data: Path):
    base = make_tiny_base(tmp_path / "base", layers=1)
    config = json.loads((base / "tokenizer_config.json").read_text())
    config["eos_token"] = "<|endoftext|>"  # as in a base Qwen2.5
    (base / "tokenizer_config.json").write_text(json.dumps(config))
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": 509}))
    run = Run(tmp_path, base=str(base), train_data=str(data), max_steps=1)
    run.start()
    adapter = tmp_path / "outputs" / "adapter"
    assert json.loads((adapter / "tokenizer_config.json").read_text())["eos_token"] == "<|im_end|>"
    assert json.loads((adapter / "generation_config.json").read_text())["eos_token_id"] == [511, 509]
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)


def test_that_the_same_seed_gives_the_same_weights_and_another_seed_others(base: Path, data: Path, tmp_path: Path):
    runs = [
        Run(tmp_path / name, base=str(base), train_data=str(data), max_steps=4, lora_dropout=0.1, seed=seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    for run in runs:
        run.start()
    assert same_weights(runs[0], runs[1])
    assert not same_weights(runs[0], runs[2])


@pytest.mark.parametrize("packing", [False, True])
def test_that_a_stopped_run_goes_on_to_the_same_weights(packing: bool, base: Path, data: Path, tmp_path: Path):
    fields = {
        "base": str(base), "train_data": str(data), "packing": packing, "lora_dropout": 0.1, "epochs": 2,
        "batch_size": 1 if packing else 2, "save_steps": 1000,
    }  # fmt: skip
    whole = Run(tmp_path / "whole", **fields)
    assert isinstance(whole.start(), Finished)

    first = Run(tmp_path / "parts", **fields)
    stop = whole.of(Metric)[-1].step * 2 // 3  # in the second epoch
    first.stop_at = stop - 1
    last = first.start()
    assert isinstance(last, Stopped)
    assert last.resumable
    assert f"from step {stop}" in last.summary
    assert not (tmp_path / "parts" / "outputs" / "adapter").exists()

    second = Run(tmp_path / "parts", **fields)
    assert isinstance(second.start(), Finished)
    assert any(log.text == f"Resumed from checkpoint-{stop}, step {stop}." for log in second.of(Log))
    assert second.of(Metric)[0].step == stop + 1
    assert second.of(Metric)[-1].tokens == whole.of(Metric)[-1].tokens
    losses = [metric.loss for metric in first.of(Metric) + second.of(Metric)]
    assert losses == [metric.loss for metric in whole.of(Metric)]
    assert same_weights(whole, second)


def test_that_a_torn_checkpoint_is_passed_over_and_the_weights_stay_the_same(base: Path, data: Path, tmp_path: Path):
    fields = {"base": str(base), "train_data": str(data), "save_steps": 3, "max_steps": 9}
    whole = Run(tmp_path / "whole", **fields)
    whole.start()
    first = Run(tmp_path / "parts", **fields)
    first.stop_at = 6
    first.start()
    weights = tmp_path / "parts" / "checkpoints" / "checkpoint-7" / "optimizer.pt"
    weights.write_bytes(weights.read_bytes()[:1000])
    second = Run(tmp_path / "parts", **fields)
    second.start()
    (warning,) = [log for log in second.of(Log) if log.level == "warning"]
    assert "checkpoint-7 is torn (optimizer.pt is not what was written)" in warning.text
    assert second.of(Metric)[0].step == 7
    assert same_weights(whole, second)


def test_that_stopping_at_once_writes_no_checkpoint(base: Path, data: Path, tmp_path: Path):
    run = Run(tmp_path, base=str(base), train_data=str(data))
    run.stop_at, run.stop_mode = 3, "now"
    last = run.start()
    assert isinstance(last, Stopped)
    assert run.of(Checkpoint) == []
    assert "no checkpoint was written" in last.summary


def test_that_a_stop_during_an_evaluation_ends_it_and_saves(base: Path, data: Path, tmp_path: Path):
    run = Run(
        tmp_path, base=str(base), train_data=str(data), validation_data=str(data), eval_steps=2, batch_size=1,
        save_steps=1000,
    )  # fmt: skip
    asked = iter([None, None, None, None, "save"])  # before training, steps 1 and 2, first batch of the evaluation
    run._asked = lambda: next(asked, "save")
    last = run.start()
    assert isinstance(last, Stopped)
    assert [checkpoint.step for checkpoint in run.of(Checkpoint)] == [2]
    assert all(metric.validation_loss is None for metric in run.of(Metric))


def test_that_minutes_end_a_run_with_its_rate_near_nothing(base: Path, data: Path, tmp_path: Path):
    run = Run(tmp_path, base=str(base), train_data=str(data), epochs=100, max_minutes=2 / 60, warmup_steps=0)
    last = run.start()
    assert isinstance(last, Finished)
    assert last.summary.startswith("The time limit ended the training")
    training = run.of(Metric)
    assert 3 < training[-1].step < 600
    assert training[-1].learning_rate < 0.25 * 5e-3
    assert run.of(Result)[-1].values["ended_by_time"] is True
    assert run.of(Progress)[-1].total < 600
    assert (tmp_path / "outputs" / "adapter" / "adapter_model.safetensors").is_file()


def test_that_only_some_validation_rows_are_used_where_the_recipe_says_so(base: Path, data: Path, tmp_path: Path):
    run = Run(tmp_path, base=str(base), train_data=str(data), validation_data=str(data), validation_rows=5, max_steps=1)
    run.start()
    assert run.of(Result)[-1].values["validation_rows"] == 5


def test_that_a_diverged_run_ends_with_one_sentence_and_keeps_no_checkpoint_of_it(
    base: Path, data: Path, tmp_path: Path
):
    run = Run(tmp_path, base=str(base), train_data=str(data), save_steps=1, max_steps=6, warmup_steps=0)
    run.recipe = structs.replace(run.recipe, learning_rate=1e38)  # no recipe allows it: the weights overflow at once
    with pytest.raises(BadInput, match="no longer a number at step") as caught:
        run.start()
    assert "learning rate" in caught.value.hint
    failed_at = run.of(Metric)[-1]
    assert failed_at.loss is None
    assert all(checkpoint.step < failed_at.step for checkpoint in run.of(Checkpoint))


@pytest.mark.parametrize("where", ["The GPU", "This machine"])
def test_that_a_lack_of_memory_names_the_smallest_change(
    where: str, base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import torch

    from arny_studio.engine import cpu_loss

    def out_of_memory(*_: Any) -> None:
        if where == "This machine":
            torch.empty(1 << 58, dtype=torch.uint8)  # more than any processor can address
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")

    monkeypatch.setattr(cpu_loss, "summed_loss", out_of_memory)
    run = Run(tmp_path, base=str(base), train_data=str(data), batch_size=4, gradient_accumulation=2)
    with pytest.raises(OutOfMemory, match=f"{where} ran out of memory at step 1, with 4 × 128 tokens") as caught:
        run.start()
    assert caught.value.hint.startswith("The smallest change that should fit: ")


def test_that_a_gpu_that_goes_away_is_named(base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from arny_studio.engine import cpu_loss

    def unplugged(*_: Any) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA")

    monkeypatch.setattr(cpu_loss, "summed_loss", unplugged)
    with pytest.raises(DeviceLost, match=r"The GPU gave up at step 1: CUDA error: unspecified launch failure$"):
        Run(tmp_path, base=str(base), train_data=str(data)).start()


def test_that_a_full_disk_during_a_checkpoint_is_named_and_earlier_ones_stand(
    base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import torch

    save = torch.save
    calls = []

    def save_until_full(value: Any, path: Any, *args: Any, **kwargs: Any) -> None:
        calls.append(path)
        if "checkpoint-4" in str(path):
            raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")
        save(value, path, *args, **kwargs)

    monkeypatch.setattr(torch, "save", save_until_full)
    run = Run(tmp_path, base=str(base), train_data=str(data), save_steps=2)
    with pytest.raises(DiskFull, match="checkpoint of step 4 was not written"):
        run.start()
    assert calls
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["checkpoint-2"]


@pytest.mark.parametrize(
    "spoil, error, sentence",
    [
        ({"base": "/nowhere/model"}, MissingFile, "There is no base model at /nowhere/model"),
        ({"train_data": "/nowhere/data.jsonl"}, MissingFile, "There is no dataset"),
        ({"validation_data": "/nowhere/data.jsonl"}, MissingFile, "There is no dataset"),
    ],
)
def test_that_what_is_missing_is_said_before_anything_is_loaded(
    spoil: dict[str, str], error: type[ArnyError], sentence: str, base: Path, data: Path, tmp_path: Path
):
    run = Run(tmp_path, **({"base": str(base), "train_data": str(data)} | spoil))
    with pytest.raises(error, match=sentence):
        run.start()
    assert [stage.name for stage in run.of(Stage)] == ["read"]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_that_a_base_without_one_of_its_files_says_which(name: str, data: Path, tmp_path: Path):
    base = make_tiny_base(tmp_path / "base", layers=1)
    (base / name).unlink()
    with pytest.raises(MissingFile, match=name.rpartition(".")[2] if name.startswith("model") else name):
        Run(tmp_path, base=str(base), train_data=str(data)).start()


def test_that_a_base_in_4_bits_is_refused_without_cuda(data: Path, tmp_path: Path):
    base = make_tiny_base(tmp_path / "base", layers=1)
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="stored in 4 bits") as caught:
        Run(tmp_path, base=str(base), train_data=str(data)).start()
    assert "16-bit base" in caught.value.hint


def test_that_a_cut_weights_file_is_one_sentence(data: Path, tmp_path: Path):
    base = make_tiny_base(tmp_path / "base", layers=1)
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(BadInput, match=r"model\.safetensors is cut short"):
        Run(tmp_path, base=str(base), train_data=str(data)).start()


def test_that_what_a_cpu_cannot_do_is_said(base: Path, data: Path, tmp_path: Path):
    run = Run(tmp_path, base=str(base), train_data=str(data), optimizer="adamw_8bit", load_in_4bit=True, max_steps=1)
    run.start()
    texts = [log.text for log in run.of(Log)]
    assert "No CUDA device: AdamW is used instead of 8-bit AdamW." in texts
    assert "No CUDA device: the base is loaded in 32-bit floats instead of 4-bit NF4." in texts


def test_that_a_hub_id_without_a_network_is_one_sentence(tmp_path: Path):
    import os
    import subprocess
    import sys

    # huggingface_hub reads its address and cache folder when it is imported, so this needs a process of its own.
    program = (
        "from arny_studio.engine.base_model import resolve_base\n"
        "from arny_studio.errors import MissingFile\n"
        "try: resolve_base('unsloth/Qwen2.5-1.5B-bnb-4bit')\n"
        "except MissingFile as error: print(error.sentence)"
    )
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "NO_PROXY": "*"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == (
        "unsloth/Qwen2.5-1.5B-bnb-4bit is not on this machine, and the Hub cannot be reached."
    ), done.stderr


def test_that_held_out_prompts_are_answered_and_the_best_adapter_is_kept(base: Path, data: Path, tmp_path: Path):
    fields: dict[str, Any] = {
        "base": str(base), "train_data": str(data), "validation_data": str(data), "batch_size": 4, "epochs": 20,
        "gradient_accumulation": 1, "learning_rate": 1e-2, "save_steps": 8,
    }  # fmt: skip
    plain = Run(tmp_path / "plain", **fields, max_steps=12)
    plain.start()
    run = Run(
        tmp_path / "watched", **fields, max_steps=12, answer_steps=4, answer_rows=3, answer_tokens=12, eval_steps=4,
        keep_best_by="validation_loss",
    )  # fmt: skip
    last = run.start()
    assert isinstance(last, Finished)
    rounds = run.of(Answers)
    assert [answers.step for answers in rounds] == [4, 8, 12]
    assert len({tuple(sorted(answer.row for answer in answers.worst)) for answers in rounds}) == 1
    assert all(answer.expected and answer.query for answers in rounds for answer in answers.best)
    shares = [metric for metric in run.of(Metric) if metric.field_agreement is not None]
    assert [metric.step for metric in shares] == [4, 8, 12]
    best = [result.values for result in run.of(Result) if result.name == "best"]
    losses = {metric.step: metric.validation_loss for metric in run.of(Metric) if metric.validation_loss is not None}
    assert best[-1]["value"] == min(losses.values())
    if best[-1]["step"] == 12:
        assert same_weights(plain, run)  # answering draws no random number and leaves the training as it was
    training = [metric.loss for metric in run.of(Metric) if metric.loss is not None]
    assert training == [metric.loss for metric in plain.of(Metric) if metric.loss is not None]


def test_that_a_run_that_gets_no_better_ends_early_with_its_best_adapter(base: Path, data: Path, tmp_path: Path):
    other = tmp_path / "other.jsonl"
    other.write_text(
        json.dumps({"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "zz"}]})
    )
    run = Run(
        tmp_path, base=str(base), train_data=str(data), validation_data=str(other), max_steps=60, epochs=100,
        eval_steps=2, keep_best_by="validation_loss", early_stopping=2, learning_rate=5e-2, gradient_accumulation=1,
    )  # fmt: skip
    last = run.start()
    assert isinstance(last, Finished)
    result = run.of(Result)[-1].values
    losses = {metric.step: metric.validation_loss for metric in run.of(Metric) if metric.validation_loss is not None}
    best_step = min(losses, key=losses.__getitem__)
    assert result["ended_early"]
    assert result["steps"] < 60
    assert result["adapter_step"] == best_step
    assert f"of step {best_step}" in last.summary
    kept = load_file(tmp_path / "checkpoints" / f"best-{best_step}" / "adapter_model.safetensors")
    saved = run.adapter()
    assert all((kept[name] == saved[name]).all() for name in kept)
