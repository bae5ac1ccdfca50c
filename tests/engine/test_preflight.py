"""What is said of a training before it starts, and what keeps it from starting."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from arny_studio.engine import preflight
from arny_studio.engine.base_model import local_base, look_for_downloads_in, resolve_base
from arny_studio.engine.preflight import examine, refuse_to_start
from arny_studio.engine.rendering import Renderer
from arny_studio.engine.training_data import pack, tokenized_rows
from arny_studio.engine.training_estimate import placement_here, plan_training
from arny_studio.engine.training_memory import Load, Numbers, Shape, memory_parts
from arny_studio.errors import BadInput, DiskFull
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.preflight import Finding, PreflightReport
from tests.tiny_models import make_tiny_adapter, make_tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base"), layers=2)


def row(number: int, answer: str = "yes") -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Question {number}"}, {"role": "assistant", "content": answer}]}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in rows), encoding="utf-8")
    return path


def look(base: Path, train: Path, folder: Path, **fields: Any) -> PreflightReport:
    recipe = TrainRecipe(base=str(base), train_data=str(train), load_in_4bit=False, optimizer="adamw", **fields)
    return examine(recipe, run_folder=folder / "run", say=lambda _: None)


def of(report: PreflightReport, key: str) -> Finding:
    return next(finding for finding in report.findings if finding.key == key)


def test_that_offending_lines_are_counted_and_named(base: Path, tmp_path: Path):
    long = row(3, "word " * 300)
    train = write(tmp_path / "train.jsonl", [row(1), "{not json", row(2), {"messages": []}, long])
    validation = write(tmp_path / "validation.jsonl", [row(9), row(2)])
    report = look(base, train, tmp_path, validation_data=str(validation), max_seq_length=64)
    assert report.can_start
    assert (report.rows, report.rows_skipped, report.truncated, report.leaked) == (3, 2, 1, 1)
    rows, cut, leak = of(report, "rows"), of(report, "truncated"), of(report, "leakage")
    assert (rows.level, rows.lines, rows.count, rows.file) == ("warning", [2, 4], 2, str(train))
    assert (cut.level, cut.lines) == ("warning", [5])
    assert (leak.level, leak.lines, leak.file) == ("warning", [2], str(validation))
    assert of(report, "template").level == "ok"
    assert "<|im_end|>" in of(report, "template").text
    assert 0 < report.supervised < report.tokens


def test_that_every_reason_not_to_start_is_an_error(base: Path, tmp_path: Path):
    train = write(tmp_path / "train.jsonl", [row(1)])
    silent = write(tmp_path / "silent.jsonl", [{"messages": [{"role": "user", "content": "only asks"}]}])
    assert look(base, train, tmp_path).blocker is None
    assert look(base, silent, tmp_path).blocker == of(look(base, silent, tmp_path), "rows")
    gone = look(base, train, tmp_path, validation_data=str(tmp_path / "gone.jsonl")).blocker
    assert gone is not None
    assert (gone.key, gone.file) == ("validation", str(tmp_path / "gone.jsonl"))
    contradicting = look(base, train, tmp_path, early_stopping=2).blocker
    assert contradicting is not None
    assert "keep_best_by" in contradicting.text
    nowhere = look(tmp_path / "nowhere", train, tmp_path).blocker
    assert nowhere is not None
    assert nowhere.key == "base"


def test_that_a_training_without_room_or_without_anything_to_learn_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    renderer = Renderer.from_folder(base)
    rows = tokenized_rows(write(tmp_path / "train.jsonl", [row(1), row(2)]), renderer, max_length=64)
    nothing = tokenized_rows(write(tmp_path / "none.jsonl", ["{"]), renderer, max_length=64)
    recipe = TrainRecipe(base=str(base), train_data="train.jsonl", load_in_4bit=False)
    plan = plan_training(recipe, base, placement_here(recipe, base, []), rows, None)
    refuse_to_start(recipe, plan, rows, None, tmp_path / "runs" / "new")
    with pytest.raises(BadInput, match=r"none\.jsonl has no usable row"):
        refuse_to_start(recipe, plan, nothing, None, tmp_path)
    monkeypatch.setattr(preflight, "_free_bytes", lambda _: plan.disk_bytes - 1)
    with pytest.raises(DiskFull, match="are free"):
        refuse_to_start(recipe, plan, rows, None, tmp_path)


@pytest.mark.parametrize("packing", [False, True])
def test_that_the_steps_are_those_of_the_trainer(base: Path, tmp_path: Path, packing: bool):
    rows = [row(number, "a " * (1 + number % 7)) for number in range(23)]
    train = write(tmp_path / "train.jsonl", rows)
    report = look(
        base, train, tmp_path, packing=packing, max_seq_length=64, batch_size=2, gradient_accumulation=3, epochs=2.5
    )
    renderer = Renderer.from_folder(base)
    lengths = tokenized_rows(train, renderer, max_length=64).lengths
    groups = len(pack(lengths, 64)) if packing else 23
    per_epoch = math.ceil(math.ceil(groups / 2) / 3)
    assert report.steps == math.ceil(2.5 * per_epoch)


def test_that_more_processes_than_cores_are_warned_of(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("arny_studio.engine.preflight.gpu_facts", list)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    train = write(tmp_path / "train.jsonl", [row(number) for number in range(8)])
    crowded = look(base, train, tmp_path, processes=9)
    assert (of(crowded, "processes").level, crowded.can_start) == ("warning", True)
    assert "use 2" in of(crowded, "processes").text
    assert "processes" not in [finding.key for finding in look(base, train, tmp_path, processes=2).findings]


def test_that_the_weights_of_the_estimate_are_those_of_the_files(base: Path, tmp_path: Path):
    adapter = make_tiny_adapter(tmp_path / "adapter", base, r=4)
    shape = Shape.of(json.loads((base / "config.json").read_text()))
    recipe = TrainRecipe(base=str(base), train_data="x", lora_r=4)
    stored = load_file(adapter / "adapter_model.safetensors")
    assert shape.adapter_weights(recipe) == sum(weight.size for weight in stored.values())
    matrices = [weight for weight in load_file(base / "model.safetensors").values() if weight.ndim == 2]
    assert shape.parameters == sum(int(np.prod(weight.shape)) for weight in matrices)


def test_that_the_estimate_follows_the_published_sizes_of_qwen():
    config = {
        "hidden_size": 1536, "num_attention_heads": 12, "num_key_value_heads": 2, "num_hidden_layers": 28,
        "intermediate_size": 8960, "vocab_size": 151_936, "tie_word_embeddings": True,
    }  # fmt: skip
    shape = Shape.of(config)
    assert shape.parameters == pytest.approx(1.54e9, rel=0.01)  # the model card: 1.54 B, 1.31 B without embedding
    assert shape.block_weights == pytest.approx(1.31e9, rel=0.01)
    recipe = TrainRecipe(base="x", train_data="x")
    assert shape.adapter_weights(recipe) == 18_464_768  # what PEFT prints for r=16 on all seven layers
    qlora = Numbers(is_cuda=True, is_4bit=True, is_8bit_optimizer=True, is_checkpointed=True)
    parts = {part.name: part.bytes for part in memory_parts(shape, recipe, Load(tokens=8192, supervised=4096), qlora)}
    assert parts["weights"] == pytest.approx(1.31e9 * 4.127 / 8 + 2 * 151_936 * 1536, rel=0.01)
    assert sum(parts.values()) < 8e9


def test_that_checkpointing_and_four_bits_save_memory_and_longer_batches_cost_it():
    config = {
        "hidden_size": 256,
        "num_attention_heads": 2,
        "num_hidden_layers": 4,
        "intermediate_size": 768,
        "vocab_size": 4096,
    }
    shape, recipe = Shape.of(config), TrainRecipe(base="x", train_data="x")

    def total(tokens: int, **changes: bool) -> int:
        numbers = {"is_cuda": True, "is_4bit": False, "is_8bit_optimizer": False, "is_checkpointed": False} | changes
        return sum(
            part.bytes
            for part in memory_parts(shape, recipe, Load(tokens=tokens, supervised=tokens // 2), Numbers(**numbers))
        )

    assert total(1024) < total(2048)
    for change in ("is_4bit", "is_8bit_optimizer", "is_checkpointed"):
        assert total(2048, **{change: True}) < total(2048), change


def test_that_a_base_that_was_brought_into_the_workspace_is_found_by_its_hub_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ARNY_MODELS", "")  # so that it is forgotten afterwards
    brought = make_tiny_base(tmp_path / "models" / "owner--tiny", layers=1)
    look_for_downloads_in(tmp_path / "models")
    assert local_base("owner/tiny") is None  # not whole yet
    (brought / "origin.json").write_text('{"model": "owner/tiny"}')
    assert local_base("owner/tiny") == resolve_base("owner/tiny") == brought
    train = write(tmp_path / "train.jsonl", [row(1)])
    recipe = TrainRecipe(base="owner/tiny", train_data=str(train), load_in_4bit=False)
    assert examine(recipe, run_folder=None, say=lambda _: None).steps == 4
