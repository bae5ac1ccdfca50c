"""`arny export`, `arny inspect`, `arny verify` from the terminal's side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from arny_studio.cli import bundle, export, inspect
from arny_studio.errors import BadInput, BadRecipe, MissingFile
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.wire import encode_line
from arny_studio.paths import DEMO_TIER1
from arny_studio.recipe import Limit, TrainRecipe
from tests.damage import swap_tensors
from tests.tiny_models import make_tiny_adapter, make_tiny_base, make_tiny_gguf

app = typer.Typer()
app.command("export")(export.export)
app.command("inspect")(inspect.inspect)
app.command("verify")(inspect.verify)
app.command("bundle")(bundle.bundle)


def arny(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def arny_export(*arguments: str | Path) -> Result:
    """An export without the parity gate, which has tests of its own."""
    return arny("export", *arguments, "--parity-prompts", "0")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", layers=1)


def test_that_base_and_adapter_become_files_in_the_named_folder_and_verify(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1)
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    out = tmp_path / "out"
    done = arny_export("--base", base, "--adapter", adapter, "--quant", "q4_k_m", "--quant", "Q8_0", "--out", out)
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in out.iterdir())
    assert [name.rpartition("-")[2] for name in names] == ["MODEL_CARD.md", "Q4_K_M.gguf", "Q8_0.gguf", "lineage.json"]
    assert all(str(out / name) in done.stdout for name in names)
    for name in names[1:3]:
        checked = arny("verify", out / name, "--json")
        assert checked.exit_code == 0, checked.output
        checks = json.loads(checked.stdout)["checks"]
        assert [check["name"] for check in checks] == [
            "header", "tensors", "chat template", "end of generation", "tokenizer", "values", "lineage"
        ]  # fmt: skip
        assert "with the ids of the trained tokenizer" in checks[4]["says"]
        assert checks[-1]["says"] == "The file is what lineage.json says."


def test_that_json_names_the_files_where_they_were_asked_for(tmp_path: Path) -> None:
    base, out = make_tiny_base(tmp_path / "base", layers=1), tmp_path / "out"
    done = arny_export("--base", base, "--quant", "Q8_0", "--out", out, "--json")
    assert done.exit_code == 0, done.output
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (told,) = [event["values"] for event in events if event["type"] == "result" and event["name"] == "delivered"]
    assert (told["folder"], told["files"]) == (str(out), [str(path) for path in sorted(out.iterdir())])


def test_that_a_changed_byte_is_found_by_verify(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1)
    assert arny_export("--base", base, "--quant", "Q8_0", "--out", tmp_path / "out").exit_code == 0
    (file,) = (tmp_path / "out").glob("*.gguf")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.unlink()  # the run folder keeps its own link
    file.write_bytes(content)
    done = arny("verify", file)
    assert done.exit_code == 4
    assert "BAD  lineage: The file changed after it was exported." in done.stdout


def test_that_nan_in_a_tensor_is_found_by_verify(tmp_path: Path, gguf: Path) -> None:
    file = tmp_path / "nan.gguf"
    file.write_bytes(gguf.read_bytes()[:-4] + b"\x00\x00\xc0\x7f")  # an F32 NaN as the very last value
    done = arny("verify", file)
    assert done.exit_code == 4
    assert "BAD  values" in done.stdout


def test_that_a_training_run_is_exported_with_its_base_tier_and_adapter(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    base = make_tiny_base(tmp_path / "base", layers=1)
    run = RunFolder.create(
        workspace / "runs" / "20260101T000000Z-train",
        TrainRecipe(base=str(base), tier="tier2", train_data="x.jsonl"),
    )
    make_tiny_adapter(run.outputs / "adapter", base)
    run.events_path.write_bytes(encode_line(Artifact(kind="adapter", path="outputs/adapter", size_bytes=1)))
    done = arny_export("latest", "--quant", "Q8_0", "--workspace", workspace)
    assert done.exit_code == 0, done.output
    (file,) = workspace.glob("runs/*export*/outputs/*.gguf")
    assert file.name.endswith("-tier2-Q8_0.gguf")
    again = arny_export("latest", "--quant", "F16", "--workspace", workspace)  # not the export that is newer
    assert again.exit_code == 0, again.output
    assert isinstance(arny("export", file.parents[1].name, "--workspace", workspace).exception, BadRecipe)

    other = make_tiny_base(tmp_path / "full-precision-base", layers=1)
    done = arny("export", "latest-train", "--base", other, "--workspace", workspace)
    assert isinstance(done.exception, MissingFile)
    done = arny_export(
        run.name, "--base", other, "--quant", "Q8_0", "--out", tmp_path / "out", "--workspace", workspace
    )
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "out").glob("*.gguf")] == ["full-precision-base-788K-tier2-Q8_0.gguf"]


def test_that_a_run_without_adapter_or_two_sources_or_none_is_refused(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    RunFolder.create(workspace / "runs" / "20260101T000000Z-train", TrainRecipe(base="b", train_data="x.jsonl"))
    assert isinstance(arny("export", "latest", "--workspace", workspace).exception, BadInput)
    assert isinstance(arny("export", "latest", "--adapter", "a", "--workspace", workspace).exception, BadRecipe)
    assert isinstance(arny("export").exception, BadRecipe)
    assert "Q4_K_M" in str(getattr(arny("export", "--base", "b", "--quant", "Q3").exception, "hint", ""))


def test_that_inspect_shows_what_the_file_is(gguf: Path) -> None:
    shown = json.loads(arny("inspect", gguf, "--json").stdout)
    assert (shown["architecture"], shown["tensors"], shown["tokens"]) == ("qwen2", 14, 512)
    assert shown["metadata"]["tokenizer.ggml.pre"] == "qwen2"
    assert "tokenizer.ggml.eos_token_id" in shown["metadata"]
    assert shown["metadata"]["general.tags"] == ["arny", "text-generation"]
    assert "tokenizer.ggml.tokens" not in shown["metadata"]
    assert "qwen2.block_count" in arny("inspect", gguf).stdout


def test_that_half_a_file_is_one_sentence(tmp_path: Path, gguf: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(gguf.read_bytes()[:100_000])
    error = arny("inspect", half).exception
    assert isinstance(error, BadInput)
    assert "cut short" in error.sentence
    verified = arny("verify", half)
    assert verified.exit_code == 1
    assert "cut short" in verified.stderr
    assert verified.stdout == ""
    told = arny("verify", half, "--json")
    assert (told.exit_code, told.stderr) == (1, verified.stderr)
    said = json.loads(told.stdout)
    assert (said["path"], said["is_sound"]) == (str(half), False)
    assert "cut short" in said["error"]


def test_that_a_dry_run_says_sizes_that_the_export_then_has(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1)
    asked = ("--base", base, "--quant", "F16", "--quant", "Q4_K_M", "--out", tmp_path / "out")
    planned = arny("export", *asked, "--dry-run", "--json")
    assert planned.exit_code == 0, planned.output
    plan = json.loads(planned.stdout)
    assert not (tmp_path / "out").exists()
    assert plan["needed_bytes"] >= sum(file["size_bytes"] for file in plan["files"])
    assert {fit["device"] for fit in plan["files"][0]["phones"]} == {"4gb", "6gb", "12gb"}
    assert arny_export(*asked).exit_code == 0
    for file in plan["files"]:
        assert 0 <= file["size_bytes"] - (tmp_path / "out" / file["name"]).stat().st_size < 8192
    assert "of disk are needed" in arny("export", *asked, "--dry-run").stdout


def test_that_a_plan_says_aloud_which_tensors_a_format_does_not_fit(tmp_path: Path) -> None:
    odd = make_tiny_base(tmp_path / "odd", layers=1, hidden=384)
    said = arny("export", "--base", odd, "--quant", "Q4_K_M", "--dry-run").stdout
    assert "Q4_K_M: the rows of" in said
    assert "no multiple of 256" in said


def test_that_a_plan_knows_what_the_gate_costs(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1)

    def planned_s(*gate: str) -> float:
        return json.loads(arny("export", "--base", base, *gate, "--dry-run", "--json").stdout)["about_s"]

    assert planned_s("--parity-prompts", "0") < planned_s("--trainer-prompts", "0") <= planned_s()


def test_that_a_plan_finds_a_downloaded_base_and_downloads_none(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    brought = make_tiny_base(workspace / "models" / "owner--tiny", layers=1)
    (brought / "origin.json").write_text('{"model": "owner/tiny", "commit": "00ff"}')
    asked = ("--quant", "F16", "--workspace", workspace, "--dry-run", "--json")
    planned = arny("export", "--base", "owner/tiny", *asked)
    assert planned.exit_code == 0, planned.output
    assert json.loads(planned.stdout)["files"][0]["name"] == "tiny-788K-F16.gguf"
    error = arny("export", "--base", "owner/other", *asked).exception
    assert isinstance(error, BadInput)
    assert "arny models download owner/other" in error.hint


def test_that_an_adapter_alone_is_verified_as_what_it_is(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1)
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    out = tmp_path / "out"
    made = arny_export("--base", base, "--adapter", adapter, "--quant", "F16", "--lora", "--out", out)
    assert made.exit_code == 0, made.output
    (lora,), (f16,) = out.glob("*-LoRA.gguf"), out.glob("*-F16.gguf")
    sound = arny("verify", lora, "--json")
    assert sound.exit_code == 0, sound.output
    checks = {check["name"]: check["says"] for check in json.loads(sound.stdout)["checks"]}
    assert checks["tensors"] == "7 tensors of a model are changed, with rank 4 and alpha 8."
    assert "merged" not in json.loads(arny("inspect", lora, "--json").stdout)["metadata"]["general.description"]
    refused = arny("verify", lora, "--against", f16)
    assert refused.exit_code == 1
    assert "is an adapter" in refused.stderr


def test_that_a_damaged_file_is_red_against_the_file_it_came_from(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged-tier1.gguf"
    shutil.copyfile(DEMO_TIER1, damaged)
    asked = ("verify", "--against", DEMO_TIER1, "--parity-prompts", "3", "--json")
    sound = arny(*asked, damaged)
    assert sound.exit_code == 0, sound.output
    assert json.loads(sound.stdout)["parity"]["verdict"] == "green"
    swap_tensors(damaged)
    broken = arny(*asked, damaged)
    assert broken.exit_code == 4
    said = json.loads(broken.stdout)
    assert all(check["passed"] for check in said["checks"])
    assert (said["parity"]["verdict"], said["is_sound"]) == ("red", False)


def test_that_limits_are_named_and_numbers(tmp_path: Path) -> None:
    gate = export.parity_settings(5, None, ["kl=0.1", "flips=0.02:0.4"])
    assert (gate.limits.kl, gate.limits.flips) == (Limit(amber=0.05, red=0.1), Limit(amber=0.02, red=0.4))
    for wrong in ("speed=1", "kl=much"):
        assert isinstance(arny("export", "--base", tmp_path, "--limit", wrong).exception, BadRecipe)
    assert isinstance(arny("export", "--base", tmp_path, "--tier", "tier3").exception, BadRecipe)


def test_that_a_bundle_is_made_and_an_unknown_target_is_refused(tmp_path: Path) -> None:
    done = arny("bundle", "phone", "--tier1", DEMO_TIER1, "--out", tmp_path / "out", "-w", tmp_path / "ws", "--json")
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "out" / "manifest.json") in json.loads(done.stdout)["files"]
    error = arny("bundle", "toaster", "--out", tmp_path / "out").exception
    assert isinstance(error, BadRecipe) and "phone" in error.hint
