"""An export in this process: what the parity gate says of a damaged file, and what an F16 GGUF as source becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arny_studio.contract import load_contract
from arny_studio.engine import export as exporting
from arny_studio.engine.chat_template import Message
from arny_studio.engine.export import Export, Exported, StopRequested
from arny_studio.engine.export_source import FolderSource, open_source
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_verify import verify_gguf
from arny_studio.engine.held_out import Prompts
from arny_studio.engine.parity import ParityGate
from arny_studio.engine.quantize import quantize
from arny_studio.engine.replay import Case, HeldOut, ReplayOrder, ReplayResult, replay
from arny_studio.errors import BadInput
from arny_studio.evaluation.parity import ParityReport, Replay, Replayed
from arny_studio.jobs.events import Event, Result
from arny_studio.paths import DEMO_BASE
from arny_studio.recipe import ExportRecipe, ParitySettings
from tests.damage import swap_tensors
from tests.tiny_models import make_tiny_adapter, make_tiny_base, make_tiny_gguf

GATE = ParitySettings(prompts=4, trainer_prompts=0)
OFF = ParitySettings(prompts=0)


def export(
    recipe: ExportRecipe, outputs: Path, *, events: list[Event] | None = None, stops: Callable[[], bool] = lambda: False
) -> Exported:
    run = Export(
        recipe,
        outputs,
        base=Path(recipe.base),
        adapter=Path(recipe.adapter) if recipe.adapter else None,
        versions={"python": "3"},
        emit=(events if events is not None else []).append,
        asked_to_stop=stops,
        replays=replay,
    )
    return run.run()


def lineage_in(outputs: Path) -> dict[str, Any]:
    return json.loads((outputs / "lineage.json").read_bytes())


def test_that_a_damaged_quant_is_kept_marked_and_called_red_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaging(source: Path, out: Path, quant: Any, **options: Any) -> Any:
        made = quantize(source, out, quant, **options)
        if quant == "Q6_K":
            swap_tensors(out)
        return made

    monkeypatch.setattr(exporting, "quantize", damaging)
    recipe = ExportRecipe(base=str(DEMO_BASE), quants=("F16", "Q8_0", "Q6_K"), name="demo", threads=1, parity=GATE)
    events: list[Event] = []
    made = export(recipe, tmp_path, events=events)
    red, good = "demo-4.5M-Q6_K.red.gguf", "demo-4.5M-Q8_0.gguf"
    assert made.verdicts == {"demo-4.5M-F16.gguf": "green", red: "red", good: "green"}
    assert (tmp_path / red).is_file() and not (tmp_path / "demo-4.5M-Q6_K.gguf").exists()
    outputs = lineage_in(tmp_path)["outputs"]
    assert (outputs[red]["verdict"], outputs[good]["verdict"]) == ("red", "green")
    assert outputs[red]["parity"]["kl"] > 10 * outputs[good]["parity"]["kl"]
    report = msgspec.json.decode((tmp_path / "parity.json").read_bytes(), type=ParityReport)
    assert report.files[red].reasons and len(report.files[red].prompts) == 4
    told = {event.name: event.values["verdict"] for event in events if isinstance(event, Result)}
    assert told["parity demo-4.5M-Q6_K.gguf"] == "red"
    checks = {check.name: check for check in verify_gguf(tmp_path / red)}
    assert not checks["lineage"].passed and "red" in checks["lineage"].says
    assert all(check.passed for name, check in checks.items() if name != "lineage")


def test_that_nothing_made_from_an_f16_that_differs_from_training_is_called_ready(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1)
    prompts = Prompts(held_out=[HeldOut(id="a", messages=[Message("user", "why?")])], source="here", decides=False)
    case = Case(prompt=[1], answer=[2], places=[0])

    def answers(order: ReplayOrder, _on_progress: Callable[[int, int], None]) -> ReplayResult:
        is_trainer = Path(order.model) == base
        reply = Replayed(positions=1, kl=9.0 if is_trainer else 0.0, same_top=0 if is_trainer else 1)
        return ReplayResult(replay=Replay(replies=[reply]), cases=[case])

    gate = ParityGate(
        ParitySettings(), prompts, load_contract(), tmp_path, contract_name="router-v1", threads=1, replays=answers
    )
    gate.judge_reference(tmp_path / "f16.gguf", "f16.gguf", lambda _done, _total: None)
    with open_source(ExportRecipe(base=str(base)), base, None) as source:
        assert isinstance(source, FolderSource)
        f16 = gate.judge_trainer(source, "f16.gguf", lambda _done, _total: None)
    quant = gate.judge_file(tmp_path / "q8.gguf", "q8.gguf", lambda _done, _total: None)
    assert (f16.verdict, quant.verdict) == ("red", "red")
    assert f16.reasons[0].startswith("Against the trained model: The KL divergence is 9 nats")
    assert quant.reasons == ["f16.gguf, from which it was made, is red."]


def test_that_an_f16_gguf_is_quantized_under_its_own_names(tmp_path: Path) -> None:
    source = make_tiny_gguf(tmp_path / "tiny-F16.gguf")
    made = export(ExportRecipe(base=str(source), quants=("F16", "Q8_0"), threads=1, parity=OFF), tmp_path / "out")
    names = [path.name for path in made.files if path.suffix == ".gguf"]
    assert names == ["tiny-1.4M-F16.gguf", "tiny-1.4M-Q8_0.gguf"]
    assert (tmp_path / "out" / names[0]).read_bytes() == source.read_bytes()
    assert lineage_in(tmp_path / "out")["base"]["files"] == {source.name: made.hashes[str(source)]}
    with pytest.raises(BadInput, match="no F16 GGUF"):
        export(ExportRecipe(base=str(tmp_path / "out" / names[1]), threads=1, parity=OFF), tmp_path / "again")
    adapter = make_tiny_adapter(tmp_path / "adapter", make_tiny_base(tmp_path / "base"))
    with pytest.raises(BadInput, match="no adapter can be merged"):
        export(ExportRecipe(base=str(source), adapter=str(adapter), parity=OFF), tmp_path / "again")


def test_that_a_merged_folder_is_a_source_that_gives_the_same_file(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", dtype="float16")
    adapter = make_tiny_adapter(tmp_path / "adapter", base, modules_to_save=("embed_tokens",))
    recipe = ExportRecipe(
        base=str(base), adapter=str(adapter), quants=("F16",), name="tiny", merged_folder=True, parity=OFF
    )
    first = export(recipe, tmp_path / "first")
    [merged] = [path for path in first.files if path.is_dir()]
    again = export(ExportRecipe(base=str(merged), quants=("F16",), name="tiny", parity=OFF), tmp_path / "again")
    values = [
        [
            (tensor.name, path.read_bytes()[tensor.start : tensor.start + tensor.nbytes])
            for tensor in check_gguf(path).tensors
        ]
        for path in (first.files[0], again.files[0])
    ]
    assert values[0] == values[1]


def test_that_stopping_in_any_stage_leaves_nothing(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1)
    recipe = ExportRecipe(
        base=str(base), quants=("F16", "Q8_0"), threads=1, parity=ParitySettings(prompts=1, trainer_prompts=0)
    )
    events: list[Event] = []
    export(recipe, tmp_path / "whole", events=events)
    stages = [event.name for event in events if type(event).__name__ == "Stage"]  # every stage there is
    for number in range(1, len(stages) + 1):
        seen: list[Event] = []

        def wants_to_stop(seen: list[Event] = seen, number: int = number) -> bool:
            return sum(type(event).__name__ == "Stage" for event in seen) >= number

        with pytest.raises(StopRequested):
            export(recipe, tmp_path / "out", events=seen, stops=wants_to_stop)
        assert list((tmp_path / "out").iterdir()) == []


def test_that_names_origin_and_licence_are_said_inside_the_file(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "tiny-qwen", layers=1)
    (base / "README.md").write_text("---\nlicense: mit\n---\n")
    run = tmp_path / "20260101T000000Z-train-tiny"
    adapter = make_tiny_adapter(run / "outputs" / "adapter", base)
    (run / "recipe.toml").write_text('kind = "train"\ntrain_data = "router.train.jsonl"\nseed = 3\n')
    (run / "manifest.json").write_text(json.dumps({"inputs": [], "seed": 3}))
    recipe = ExportRecipe(
        base=str(base), adapter=str(adapter), quants=("F16",), tier="tier1", license="Apache-2.0", parity=OFF
    )
    made = export(recipe, tmp_path / "out")
    info = check_gguf(made.files[0])
    assert info.text("general.license") == "Apache-2.0"
    assert info.text("general.dataset.0.name") == "router.train.jsonl"
    assert "Tier-1 router" in info.text("general.description")
    assert info.values("general.tags") == ["arny", "tier1", "text-generation"]
    assert info.text("general.finetune") == "tier1"
    assert info.text("general.base_model.0.name") == "Tiny Qwen"
    said = {key: value for key, value in info.metadata.items() if isinstance(value, str) and key != "general.type"}
    assert not [key for key, value in said.items() if value.lower() in ("", "merged", "model", "out", "adapter")]
