"""The whole job on a few dozen samples, through the command: samples → fine-tune → GGUF → a routed query."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from arny_studio.contract import decode, load_contract
from arny_studio.evaluation.parity import RED_MARK
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import DATA_DIR

pytestmark = pytest.mark.timeout(400)


def arny(*arguments, **extra_environment):
    """Run the command as a user would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "arny_studio.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | extra_environment,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo run of a few dozen samples, shared by the tests below."""
    folder = tmp_path_factory.mktemp("demo")
    arguments = ("--rows", 64, "--train-minutes", 0.05, "--evaluation-rows", 8)
    done = arny("demo", "--workspace", folder, *arguments)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return folder, done.stdout


def runs_of(folder, kind):
    return [run for run in Workspace(folder).runs_by_time() if run.kind == kind]


def test_that_the_demo_ends_with_a_report_whose_plots_exist(demo):
    folder, said = demo
    report = folder / "reports" / "demo" / "report.md"
    assert str(report) in said
    text = report.read_text()
    for tier in ("tier1", "tier2"):
        assert f"(loss-{tier}.svg)" in text
        assert (report.parent / f"loss-{tier}.svg").read_text().startswith("<svg")


def test_that_every_run_is_complete_and_every_quant_has_its_file(demo):
    folder, _ = demo
    assert [len(runs_of(folder, kind)) for kind in ("train", "export", "evaluate")] == [2, 3, 2]
    assert all(run.is_complete for kind in ("train", "export", "evaluate") for run in runs_of(folder, kind))
    files = [path for run in runs_of(folder, "export") for path in run.outputs.glob("*.gguf")]
    quants = {path.stem.removesuffix(RED_MARK).rsplit("-", 1)[-1] for path in files}
    assert quants == {"F16", "Q4_K_M", "Q8_0"}
    assert not list(folder.rglob("*.partial"))


def test_that_training_lowered_the_loss_of_the_router(demo):
    folder, _ = demo
    [router] = [run for run in runs_of(folder, "train") if "tier1" in run.name]
    losses = [loss for _, loss in router.state().curve.points("loss")]
    assert losses[-1] < losses[0]


def test_that_every_demo_query_was_answered_with_the_files_of_this_run(demo):
    folder, said = demo
    queries = [json.loads(line)["query"] for line in (DATA_DIR / "demo" / "queries.jsonl").read_text().splitlines()]
    assert all(f"“{query}”" in said for query in queries)
    [phone] = runs_of(folder, "phone")
    assert str(folder) in phone.recipe_path.read_text()


def test_that_a_script_of_queries_gives_one_line_each_in_order(demo, tmp_path):
    folder, _ = demo
    [tier1] = [
        path for run in runs_of(folder, "export") for path in run.outputs.glob("*Q4_K_M*") if "tier1" in run.name
    ]
    script = tmp_path / "queries.jsonl"
    script.write_text('{"query": "hello"}\n{"query": "book a flight"}\n{"query": "日本 🚀 مرحبا"}\n')
    done = arny("phone", "run", script, "--device", "4gb", "--tier1", tier1, "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["query"] for line in lines] == ["hello", "book a flight", "日本 🚀 مرحبا"]
    for line in lines:
        assert {"query", "decision", "valid", "action", "reply", "ms", "stages_ms", "loads", "peak_mib"} == set(line)
        assert line["ms"] > 0 and line["peak_mib"] > 0


def test_that_the_embedded_pair_routes_a_query_from_the_command_line():
    done = arny("route", "Book a flight", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["valid"]
    assert decode(load_contract(), json.dumps(answer["decision"])).is_valid
    assert answer["action"] == "clarify"
    assert set(answer["decision"]["missing_fields"]) >= {"origin", "destination"}
