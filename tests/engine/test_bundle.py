"""Bundles: what lies in them is what the GGUF, the contract and the parity gate say."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from pathlib import Path

import msgspec
import pytest

from arny_studio.contract import load_contract
from arny_studio.device.profiles import built_in_profiles
from arny_studio.engine.bundle import make_bundle
from arny_studio.errors import BadInput, BadRecipe
from arny_studio.evaluation.parity import FileParity, ParityReport, ParityScores, PromptParity
from arny_studio.paths import DEMO_TIER1, DEMO_TIER2
from arny_studio.recipe import BundleRecipe, BundleTarget
from tests.tiny_models import make_tiny_gguf

PROMPTS = load_contract().block.prompts


def bundle(
    target: BundleTarget, folder: Path, *, tier1: Path | None = DEMO_TIER1, tier2: Path | None = None
) -> list[str]:
    recipe = BundleRecipe(target=target, tier1=str(tier1 or ""), tier2=str(tier2 or ""), context=1024)
    made = make_bundle(recipe, folder, lambda _done, _total: None)
    assert not list(folder.glob(".bundle*"))
    return [path.relative_to(folder).as_posix() for path in made]


def test_that_ollama_gets_a_modelfile_per_tier(tmp_path: Path) -> None:
    assert bundle("ollama", tmp_path, tier2=DEMO_TIER2) == [
        "tier1/Modelfile", f"tier1/{DEMO_TIER1.name}", "tier2/Modelfile", f"tier2/{DEMO_TIER2.name}"
    ]  # fmt: skip
    lines = (tmp_path / "tier1" / "Modelfile").read_text()
    for expected in (
        f"FROM ./{DEMO_TIER1.name}", f'SYSTEM """{PROMPTS["tier1"]}"""', 'PARAMETER stop "<|im_end|>"',
        "PARAMETER num_ctx 1024", "PARAMETER temperature 0", 'TEMPLATE """{{ if .System }}<|im_start|>system',
    ):  # fmt: skip
        assert expected in lines
    assert "PARAMETER temperature 0.7" in (tmp_path / "tier2" / "Modelfile").read_text()


def test_that_lm_studio_finds_its_layout_and_presets(tmp_path: Path) -> None:
    made = bundle("lm-studio", tmp_path)
    assert f"models/arny/{DEMO_TIER1.stem}/{DEMO_TIER1.name}" in made
    preset = json.loads((tmp_path / "config-presets" / "arny-tier1.preset.json").read_text())
    fields = {field["key"]: field["value"] for field in preset["operation"]["fields"]}
    assert fields["llm.prediction.systemPrompt"] == PROMPTS["tier1"]
    assert fields["llm.prediction.stopStrings"] == ["<|im_end|>"]


def test_that_llama_cli_gets_a_line_per_tier_that_a_shell_reads(tmp_path: Path) -> None:
    bundle("llama-cli", tmp_path, tier2=DEMO_TIER2)
    commands = [line for line in (tmp_path / "llama-cli.sh").read_text().splitlines() if line.startswith("llama-cli")]
    words = shlex.split(commands[0])
    assert words[words.index("-m") + 1] == DEMO_TIER1.name
    assert words[words.index("-sys") + 1] == PROMPTS["tier1"]
    assert len(commands) == 2


def test_that_the_sideload_sheet_names_the_three_apps_and_the_checksum(tmp_path: Path) -> None:
    bundle("sideload", tmp_path)
    sheet = (tmp_path / "SIDELOAD.md").read_text()
    digest = hashlib.sha256(DEMO_TIER1.read_bytes()).hexdigest()
    assert all(text in sheet for text in ("PocketPal", "ChatterUI", "LLM Farm", digest, PROMPTS["tier1"]))


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A router with the gate's record beside it."""
    router = tmp_path / "export" / "router-tier1-Q8_0.gguf"
    router.parent.mkdir()
    shutil.copyfile(DEMO_TIER1, router)
    prompt = PromptParity(
        id="a", query="hi", reference="x", candidate='{"intent":"greeting"}', route="answer · general"
    )
    parity = FileParity(
        verdict="green", reasons=[], against="F16", scores=ParityScores(prompts=1, positions=1), prompts=[prompt]
    )
    report = ParityReport(prompts_from="here", files={router.name: parity})
    (router.parent / "parity.json").write_bytes(msgspec.json.encode(report))
    return router


def test_that_the_phone_bundle_holds_all_that_the_app_needs_to_run_and_to_test_itself(
    tmp_path: Path, judged: Path
) -> None:
    out = tmp_path / "bundle"
    made = bundle("phone", out, tier1=judged, tier2=DEMO_TIER2)
    contract = load_contract()
    assert json.loads((out / "contract.json").read_text()) == contract.schema
    assert json.loads((out / "prompts.json").read_text()) == PROMPTS
    settings = json.loads((out / "generation.json").read_text())["tier1"]
    assert (settings["model"], settings["stop"]) == (f"models/{judged.name}", ["<|im_end|>"])
    devices = json.loads((out / "devices.json").read_text())
    assert list(devices["devices"]) == list(built_in_profiles())
    assert devices["thresholds"]["complexity"] == contract.threshold
    assert devices["devices"]["4gb"]["mode"] == "lite"
    assert devices["devices"]["4gb"]["tiers"]["tier1"]["fits"]
    references = json.loads((out / "reference.json").read_text())["tier1"]["prompts"]
    assert references == [{"id": "a", "query": "hi", "text": '{"intent":"greeting"}', "route": "answer · general"}]
    manifest = json.loads((out / "manifest.json").read_text())
    assert sorted([*manifest["files"], "manifest.json"]) == sorted(made)
    for name, said in manifest["files"].items():
        content = (out / name).read_bytes()
        assert (said["sha256"], said["size_bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))


def test_that_a_red_file_is_not_handed_over_and_nothing_is_left(tmp_path: Path) -> None:
    red = make_tiny_gguf(tmp_path / "tiny-tier1-Q8_0.red.gguf", layers=1)
    with pytest.raises(BadInput, match="is red"):
        bundle("phone", tmp_path / "out", tier1=red)
    with pytest.raises(BadRecipe):
        bundle("phone", tmp_path / "out", tier1=None)
    assert not (tmp_path / "out").exists()
