"""`arny route`, `arny phone` and `arny eval` as people type them: real workers behind them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from arny_studio.cli.main import app
from tests import pinned_contract as pinned
from tests.tiny_models import make_tiny_gguf


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pair")
    tier1, tier2 = make_tiny_gguf(folder / "tier1.gguf"), make_tiny_gguf(folder / "tier2.gguf", seed=5)
    return ["--tier1", str(tier1), "--tier2", str(tier2), "--threads", "1"]


def arny(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def contract(folder: Path, decision: dict[str, Any]) -> list[str]:
    return ["--contract", str(pinned.write_pinned_contract(folder / "contract.json", decision))]


def test_that_phone_run_prints_one_line_per_query_in_order_with_exactly_its_keys(pair: list[str], tmp_path: Path):
    queries = tmp_path / "queries.jsonl"
    asked = ["Book a flight", "", "🙂"]
    queries.write_text("".join(json.dumps({"query": query}) + "\n" for query in asked))
    ran = arny("phone", "run", str(queries), "--device", "6gb", "--json", *pair, *contract(tmp_path, pinned.CLARIFY))
    assert ran.exit_code == 0, ran.output
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["query"] for line in lines] == asked
    keys = ("query", "decision", "valid", "action", "reply", "ms", "peak_mib", "stages_ms", "loads")
    assert {tuple(line) for line in lines} == {keys}
    assert lines[0]["decision"] == pinned.CLARIFY
    assert (lines[0]["valid"], lines[0]["action"], lines[0]["reply"]) == (True, "clarify", "When do you want to fly?")


def test_that_a_reader_that_has_seen_enough_ends_the_printing_and_not_the_run(pair: list[str], tmp_path: Path):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"query": "one"}\n' * 4)
    words = ["phone", "run", str(queries), "--json", "--workspace", str(tmp_path), *pair]
    command = [sys.executable, "-m", "arny_studio.cli.main", *words, *contract(tmp_path, pinned.ANSWER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stderr is not None
        assert json.loads(run.stdout.readline())["query"] == "one"
        run.stdout.close()
        assert run.stderr.read() == ""
        assert run.wait(60) == 0
    (kept,) = tmp_path.glob("runs/*/outputs/replies.jsonl")
    assert len(kept.read_bytes().splitlines()) == 4


def test_that_phone_run_is_readable_without_json_and_shows_markup_as_text(pair: list[str], tmp_path: Path):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"query": "[red]hello[/red]"}')
    ran = arny("phone", "run", str(queries), *pair, *contract(tmp_path, pinned.ANSWER))
    assert "› [red]hello[/red]" in ran.stdout
    assert "Paris." in ran.stdout


def test_that_route_shows_decision_action_reply_time_and_ledger(pair: list[str], tmp_path: Path):
    ran = arny("route", "What is the capital of France?", *pair, *contract(tmp_path, pinned.ANSWER))
    assert ran.exit_code == 0, ran.output
    for words in (
        '"intent": "fact_lookup"',
        "→ answer: Complexity 5 is below 60: Tier-1 answers itself.",
        "Paris.",
        "tier1",
        "measured MiB",
        " ms",
    ):
        assert words in ran.stdout


def test_that_route_prints_one_json_line_on_request(pair: list[str], tmp_path: Path):
    ran = arny("route", "Compare wind and coal", "--json", *pair, *contract(tmp_path, pinned.REASON))
    (line,) = [json.loads(text) for text in ran.stdout.splitlines()]
    assert (line["action"], line["loads"]) == ("reason", 1)
    assert line["because"] == "Complexity 72 reaches 60: a question for Tier-2."
    assert {slice_["owner"] for slice_ in line["ledger"]} == {"os", "app", "tier1", "tier2"}


def test_that_an_own_profile_file_is_a_device(pair: list[str], tmp_path: Path):
    profile = tmp_path / "mine.toml"
    profile.write_text('title = "Mine"\nram_mib = 4096\nos_reserve_mib = 0\napp_budget_mib = 2048\n')
    ran = arny("route", "x", "--json", "--device", str(profile), *pair, *contract(tmp_path, pinned.REASON))
    assert json.loads(ran.stdout)["action"] == "needs_reasoner"


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["route", "hi", "--device", "9gb"], "no device profile '9gb'", 1),
        (["route", "hi", "--tier1", "none.gguf"], "There is no GGUF file at", 1),
        (["phone", "run", "none.jsonl"], "There is no query file at", 1),
        (["eval", "none.gguf", "none.jsonl"], "There is no dataset at", 1),
    ],
)
def test_that_what_is_missing_is_one_sentence_and_an_exit_code(pair: list[str], words: list[str], said: str, code: int):
    tiers = pair if words[0] != "eval" and "--tier1" not in words else []
    ran = arny(*words, *tiers)
    assert ran.exit_code == code
    assert said in f"{ran.output} {ran.exception}".replace("\n", " ")
    assert "Traceback" not in ran.output


def test_that_the_profiles_are_listed_for_people_and_programs():
    listed = json.loads(arny("phone", "profiles", "--json").stdout)
    assert listed["6gb"]["app_budget_mib"] == 3328
    assert "12gb" in arny("phone", "profiles").stdout


def test_that_a_scripted_run_leaves_its_lines_and_a_report(pair: list[str], tmp_path: Path):
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"query": "<img src=x> [a](http://b)"}\n{"query": "tomorrow", "continues": true}')
    speeds = tmp_path / "speeds.csv"
    speeds.write_text("model,prefill,decode\nrouter,100,10\n")
    ran = arny(
        "phone", "run", str(queries), "--workspace", str(tmp_path / "ws"), "--benchmark", str(speeds), *pair,
        *contract(tmp_path, pinned.CLARIFY),
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "expected on the phone" in ran.stdout
    (run,) = (tmp_path / "ws" / "runs").iterdir()
    lines = [json.loads(line) for line in (run / "outputs" / "replies.jsonl").read_text().splitlines()]
    assert [line["action"] for line in lines] == ["clarify", "clarify"]
    assert all(line["expected_ms"] > 0 for line in lines)
    report = (run / "outputs" / "report.md").read_text()
    assert "| Queries | 2 |" in report
    assert "Expected on the phone, from counted tokens" in report
    assert "<img" not in report
    assert "[a](" not in report


def test_that_fit_says_which_phones_hold_which_models_and_why_not(pair: list[str], tmp_path: Path):
    own = tmp_path / "ws" / "phones" / "tiny.toml"
    own.parent.mkdir(parents=True)
    own.write_text('title = "Tiny"\nram_mib = 1024\nos_reserve_mib = 512\napp_budget_mib = 64\n')
    ran = arny("phone", "fit", pair[1], pair[3], "--workspace", str(tmp_path / "ws"), "--json")
    assert ran.exit_code == 0, ran.output
    fits = [json.loads(line) for line in ran.stdout.splitlines()]
    told = {(fit["model"], fit["role"], fit["phone"]): fit for fit in fits}
    assert told["tier1.gguf", "router", "6gb"]["fits"]
    refused = told["tier1.gguf", "router", "tiny"]
    assert (refused["fits"], bool(refused["sentence"]), bool(refused["remedy"])) == (False, True, True)
    lite = next(fit for fit in fits if fit["role"] == "reasoner" and fit["phone"] == "4gb")
    assert lite["sentence"] == "A Lite phone loads the router alone."
    assert lite["remedy"] == "It takes Full Local mode."
    listed = arny("phone", "fit", pair[1], pair[3], "--workspace", str(tmp_path / "ws"))
    assert "4gb, tier2.gguf as the reasoner: A Lite phone loads the router alone." in listed.stdout
    assert arny("phone", "fit", pair[1], "--device", "tiny", "--workspace", str(tmp_path / "ws")).exit_code == 4


def test_that_more_ram_makes_another_mode(pair: list[str], tmp_path: Path):
    ran = arny("route", "Compare", "--json", "--ram", "2", *pair, *contract(tmp_path, pinned.REASON))
    assert json.loads(ran.stdout)["action"] == "needs_reasoner"


def test_that_the_limits_of_routing_can_be_moved(pair: list[str], tmp_path: Path):
    options = [*pair, *contract(tmp_path, pinned.ANSWER)]
    ran = arny("route", "hello", "--json", "--confidence", "0.99", *options)
    assert json.loads(ran.stdout)["action"] == "clarify"


def test_that_eval_prints_its_scores_and_keeps_the_predictions(pair: list[str], tmp_path: Path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "rooms in Rome", "journey": "general"}\n' * 4)
    options = ["--constrained", "--threads", "1", *contract(tmp_path, pinned.ANSWER)]
    ran = arny("eval", pair[1], str(data), "--json", *options)
    assert ran.exit_code == 0, ran.output
    scores = json.loads(ran.stdout)
    assert (scores["rows"], scores["json_valid"], scores["journey_accuracy"]) == (4, 1.0, 1.0)
    assert len(Path(scores["predictions"]).read_text().splitlines()) == 4
    pretty = arny("eval", pair[1], str(data), *options)
    assert "Journey accuracy" in pretty.stdout
    assert "100.0 %" in pretty.stdout
