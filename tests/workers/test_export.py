"""The export worker as a real child process: what it says, what it leaves, and what it does not leave."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arny_studio.engine.gguf_check import check_gguf
from arny_studio.evaluation.parity import ParityReport
from arny_studio.jobs.events import (
    AnyEvent,
    Artifact,
    Failed,
    Finished,
    Hello,
    Log,
    Metric,
    Progress,
    Result,
    Stage,
    Stopped,
)  # fmt: skip
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.wire import decode_event, encode_line
from arny_studio.recipe import ExportRecipe, Limit, ParityLimits, ParitySettings
from tests.tiny_models import make_tiny_adapter, make_tiny_base

UNJUDGED = ParitySettings(prompts=0)
# Random weights know nothing, so their likeliest token turns at a touch: only a file that is torn apart is red here.
LAX = ParityLimits(top_token_changed=Limit(amber=0.9, red=0.9), kl=Limit(amber=0.9, red=0.9))
STOP = b'{"type":"stop","mode":"save"}\n'


def run_export(folder: RunFolder, stdin: bytes = b"") -> tuple[list[AnyEvent], int]:
    command = [sys.executable, "-m", "arny_studio.workers.export", str(folder.path)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)
    return [decode_event(line, strict=True) for line in done.stdout.splitlines()], done.returncode


def only(events: list[AnyEvent], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_base(tmp_path / "tiny-base", dtype="bfloat16")


@pytest.fixture
def adapter(tmp_path: Path, base: Path) -> Path:
    return make_tiny_adapter(tmp_path / "adapter", base)


def test_that_an_export_says_every_stage_and_leaves_named_files_with_their_lineage(
    tmp_path: Path, base: Path, adapter: Path
) -> None:
    recipe = ExportRecipe(
        base=str(base), adapter=str(adapter), quants=("F16", "Q4_K_M", "Q8_0"), tier="tier1", merged_folder=True,
        lora_gguf=True, threads=1, parity=ParitySettings(prompts=3, trainer_prompts=0, limits=LAX),
    )  # fmt: skip
    folder = RunFolder.create(tmp_path / "run", recipe)
    events, exit_code = run_export(folder)
    assert exit_code == 0
    assert isinstance(events[0], Hello)
    assert isinstance(events[-1], Finished)
    assert [stage.name for stage in only(events, Stage)] == [
        "f16", "Q4_K_M", "Q8_0", "merged", "lora", "verify", "parity F16", "parity Q4_K_M", "parity Q8_0"
    ]  # fmt: skip
    assert {stage.total for stage in only(events, Stage)} == {9}
    assert {event.unit for event in only(events, Progress)} == {"bytes", "prompts"}
    assert all(event.done <= event.total for event in only(events, Progress))

    stem = "tiny-base-1.4M-tier1"
    ggufs = [f"{stem}-F16.gguf", f"{stem}-Q4_K_M.gguf", f"{stem}-Q8_0.gguf"]
    named = [*ggufs, stem, f"{stem}-F16-LoRA.gguf", "lineage.json", "MODEL_CARD.md", "parity.json"]
    artifacts = only(events, Artifact)
    assert [artifact.path for artifact in artifacts] == [f"outputs/{name}" for name in named]
    for artifact in artifacts:
        path = folder.path / artifact.path
        if path.is_file():
            assert (artifact.size_bytes, artifact.sha256) == (path.stat().st_size, digest(path))
    assert sorted(path.name for path in folder.outputs.iterdir()) == sorted(named)
    assert check_gguf(folder.outputs / ggufs[1]).number("general.file_type") == 15
    assert folder.is_complete

    lineage = json.loads((folder.outputs / "lineage.json").read_text())
    assert lineage["base"]["files"]["model.safetensors"] == digest(base / "model.safetensors")
    assert lineage["adapter"]["files"]["adapter_model.safetensors"] == digest(adapter / "adapter_model.safetensors")
    assert lineage["contract"]["id"] == "router-v1"
    assert lineage["recipe"]["quants"] == ["F16", "Q4_K_M", "Q8_0"]
    assert {name: lineage["outputs"][name]["sha256"] for name in ggufs} == {
        name: digest(folder.outputs / name) for name in ggufs
    }
    card = (folder.outputs / "MODEL_CARD.md").read_text()
    assert all(name in card and lineage["outputs"][name]["sha256"][:16] in card for name in ggufs)
    report = msgspec.json.decode((folder.outputs / "parity.json").read_bytes(), type=ParityReport)
    assert list(report.files) == ggufs
    assert [row.kl for row in report.files[ggufs[0]].prompts] == [0.0, 0.0, 0.0]
    assert 0 < report.files[ggufs[2]].scores.kl < report.files[ggufs[1]].scores.kl
    assert all(file.scores.tokens_per_s > 0 and file.scores.peak_bytes > 1 << 20 for file in report.files.values())


def test_that_the_f16_step_is_not_kept_unless_asked_for(tmp_path: Path, base: Path) -> None:
    for keep, expected in ((False, 1), (True, 2)):
        recipe = ExportRecipe(base=str(base), quants=("Q8_0",), keep_f16=keep, threads=1, parity=UNJUDGED)
        folder = RunFolder.create(tmp_path / f"run-{keep}", recipe)
        assert run_export(folder)[1] == 0
        assert len(list(folder.outputs.glob("*.gguf"))) == expected


def test_that_lineage_tells_the_training_that_the_adapter_came_from(tmp_path: Path, base: Path) -> None:
    training = tmp_path / "train-run"
    adapter = make_tiny_adapter(training / "outputs" / "adapter", base)
    (training / "recipe.toml").write_text(
        'kind = "train"\nseed = 11\ntrain_data = "a/rows.jsonl"\nvalidation_data = "b/rows.jsonl"\n'
    )
    inputs = [{"path": str(training / "a" / "rows.jsonl"), "size_bytes": 1, "sha256": "ab"}]
    (training / "manifest.json").write_text(json.dumps({"inputs": inputs, "seed": 11, "contract": "router-v1"}))
    used = {
        "train": {"content_hash": "cd", "snapshot": "0003", "path": "a/rows.jsonl"},
        "validation": {"content_hash": "ef", "snapshot": "0004", "path": "b/rows.jsonl"},
    }
    said = [
        Metric(step=1, loss=2.0, json_valid=0.25),
        Result(name="data", values=used),
        Metric(step=2, validation_loss=1.5, json_valid=0.75),
    ]
    (training / "events.jsonl").write_bytes(b"".join(encode_line(event) for event in said))
    folder = RunFolder.create(
        tmp_path / "run",
        ExportRecipe(base=str(base), adapter=str(adapter), quants=("Q8_0",), threads=1, parity=UNJUDGED),
    )
    assert run_export(folder)[1] == 0
    lineage = json.loads((folder.outputs / "lineage.json").read_text())
    told = lineage["training"]
    assert told["evaluation"] == {"step": 2, "loss": 2.0, "validation_loss": 1.5, "json_valid": 0.75}
    kept = {side: (data["snapshot"], data["content_hash"]) for side, data in lineage["dataset"].items()}
    assert kept == {"train": ("0003", "cd"), "validation": ("0004", "ef")}
    assert (lineage["dataset"]["train"]["sha256"], lineage["dataset"]["train"]["file"]) == ("ab", "rows.jsonl")
    card = (folder.outputs / "MODEL_CARD.md").read_text()
    assert "snapshot 0003" in card
    assert "Valid JSON: 75.0 %" in card
    assert (told["run"], told["seed"], told["inputs"], told["recipe"]["seed"]) == ("train-run", 11, inputs, 11)


def test_that_paths_in_a_recipe_are_relative_to_its_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(
        tmp_path / "run", ExportRecipe(base="models/tiny", quants=("Q8_0",), threads=1, parity=UNJUDGED)
    )
    make_tiny_base(folder.path / "models" / "tiny", layers=1)
    assert run_export(folder)[1] == 0


def test_that_a_base_named_by_its_hub_id_is_the_one_that_was_downloaded_into_the_workspace(tmp_path: Path) -> None:
    brought = make_tiny_base(tmp_path / "models" / "owner--Tiny-Qwen", layers=1)
    (brought / "origin.json").write_text('{"model": "owner/Tiny-Qwen", "commit": "00ff"}')
    recipe = ExportRecipe(base="owner/Tiny-Qwen", quants=("Q8_0",), threads=1, parity=UNJUDGED)
    folder = RunFolder.create(tmp_path / "runs" / "export", recipe)
    assert run_export(folder)[1] == 0
    (file,) = folder.outputs.glob("*.gguf")
    assert file.name.startswith("Tiny-Qwen-")
    said = json.loads((folder.outputs / "lineage.json").read_text())["base"]
    assert (said["organization"], said["hub_id"], said["snapshot"]) == ("owner", "owner/Tiny-Qwen", "00ff")


def test_that_fallbacks_are_said_aloud(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1, hidden=384)
    folder = RunFolder.create(
        tmp_path / "run", ExportRecipe(base=str(base), quants=("Q4_K_M",), threads=1, parity=UNJUDGED)
    )
    events, exit_code = run_export(folder)
    assert exit_code == 0
    warnings = [event.text for event in only(events, Log) if event.level == "warning"]
    assert len(warnings) == 1
    assert "no multiple of 256" in warnings[0]


def test_that_a_failed_export_is_one_sentence_and_leaves_an_older_one_untouched(tmp_path: Path, base: Path) -> None:
    other = make_tiny_base(tmp_path / "other", layers=3)
    adapter = make_tiny_adapter(tmp_path / "adapter", other)
    folder = RunFolder.create(
        tmp_path / "run", ExportRecipe(base=str(base), adapter=str(adapter), threads=1, parity=UNJUDGED)
    )
    older = folder.outputs / "tiny-base-1.4M-Q4_K_M.gguf"
    older.write_bytes(b"older")
    events, exit_code = run_export(folder)
    last = events[-1]
    assert exit_code == 1
    assert isinstance(last, Failed)
    assert last.kind == "bad_input"
    assert "model.layers.2." in last.sentence
    assert [path.name for path in folder.outputs.iterdir()] == [older.name]
    assert older.read_bytes() == b"older"
    assert not folder.is_complete


def test_that_a_base_that_is_no_folder_is_missing(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", ExportRecipe(base=str(tmp_path / "nowhere")))
    events, exit_code = run_export(folder)
    assert exit_code == 1
    assert isinstance(events[-1], Failed)
    assert events[-1].kind == "missing_file"
    assert "nowhere" in events[-1].sentence


def test_that_a_stopped_export_leaves_nothing_and_can_be_run_again(tmp_path: Path, base: Path) -> None:
    folder = RunFolder.create(
        tmp_path / "run", ExportRecipe(base=str(base), quants=("Q8_0",), threads=1, parity=UNJUDGED)
    )
    events, exit_code = run_export(folder, STOP)
    assert exit_code == 3
    assert isinstance(events[-1], Stopped)
    assert list(folder.outputs.iterdir()) == []
    assert run_export(folder)[1] == 0
    assert len(list(folder.outputs.glob("*.gguf"))) == 1


def test_that_a_complete_export_is_left_as_it_is(tmp_path: Path, base: Path) -> None:
    folder = RunFolder.create(
        tmp_path / "run", ExportRecipe(base=str(base), quants=("Q8_0",), threads=1, parity=UNJUDGED)
    )
    run_export(folder)
    made = {path: path.stat().st_mtime_ns for path in folder.outputs.iterdir()}
    events, exit_code = run_export(folder)
    assert exit_code == 0
    assert "complete already" in only(events, Finished)[-1].summary
    assert {path: path.stat().st_mtime_ns for path in folder.outputs.iterdir()} == made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_that_a_full_disk_is_a_failure_of_its_own_kind(small_disk: Path, base: Path) -> None:
    recipe = ExportRecipe(base=str(base), quants=("F16", "Q8_0", "Q4_0"), threads=1, parity=UNJUDGED)
    folder = RunFolder.create(small_disk / "run", recipe)
    events, exit_code = run_export(folder)
    assert exit_code == 1
    assert isinstance(events[-1], Failed)
    assert events[-1].kind == "disk_full"
    assert "bytes" in events[-1].sentence
    assert not list(folder.outputs.glob("*"))


def test_that_files_that_find_no_room_where_they_should_go_are_delivered_by_the_next_attempt(
    tmp_path: Path, small_disk: Path, base: Path
) -> None:
    recipe = ExportRecipe(base=str(base), quants=("F16",), threads=1, merged_folder=True, out=str(small_disk / "out"))
    folder = RunFolder.create(tmp_path / "run", msgspec.structs.replace(recipe, parity=UNJUDGED))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2 << 20))
    events, exit_code = run_export(folder)
    assert exit_code == 1
    assert isinstance(events[-1], Failed)
    assert (events[-1].kind, str(folder.outputs) in events[-1].hint) == ("disk_full", True)
    made = sorted(path.relative_to(folder.outputs) for path in folder.outputs.rglob("*"))
    assert folder.is_complete
    assert not list(small_disk.rglob("*.partial"))

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    for _ in range(2):  # what is there already is put there once more
        events, exit_code = run_export(folder)
        assert exit_code == 0
        (told,) = only(events, Result)
        assert told.values["files"] == [str(path) for path in sorted((small_disk / "out").iterdir())]
        found = sorted(path.relative_to(small_disk / "out") for path in small_disk.rglob("out/**/*"))
        assert found == made
        for name in made:
            if (folder.outputs / name).is_file():
                assert digest(small_disk / "out" / name) == digest(folder.outputs / name)


def test_that_a_folder_that_cannot_be_made_is_said_before_the_work(tmp_path: Path, base: Path) -> None:
    (tmp_path / "in-the-way").write_text("a file")
    folder = RunFolder.create(
        tmp_path / "run", ExportRecipe(base=str(base), out=str(tmp_path / "in-the-way"), parity=UNJUDGED)
    )
    events, exit_code = run_export(folder)
    assert exit_code == 1
    assert isinstance(events[-1], Failed)
    assert "a file is in its place" in events[-1].sentence
    assert not only(events, Stage)


def test_that_delivering_on_the_same_disk_takes_no_room_twice(tmp_path: Path, base: Path) -> None:
    recipe = ExportRecipe(base=str(base), quants=("Q8_0",), threads=1, parity=UNJUDGED, out=str(tmp_path / "out"))
    folder = RunFolder.create(tmp_path / "run", recipe)
    for _ in range(2):
        assert run_export(folder)[1] == 0
        made = sorted(folder.outputs.iterdir())
        there = sorted((tmp_path / "out").iterdir())
        assert [path.name for path in there] == [path.name for path in made]
        assert all(path.samefile(own) for path, own in zip(there, made, strict=True))
