"""Scoring as a process of its own: predictions and scores kept, bad rows told, a stop that keeps what there is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import generated_rows, write_generated
from arny_studio.evaluation import Prediction, RouterScores
from arny_studio.jobs.events import AnyEvent, Artifact, Log, Progress, Result
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.supervisor import Job, start_job
from arny_studio.recipe import EvaluateRecipe
from tests import pinned_contract as pinned
from tests.tiny_models import make_tiny_base, make_tiny_gguf

DEADLINE_S = 120.0


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


def run_evaluation(folder: RunFolder, *, stop_at_progress: bool = False) -> tuple[Outcome, list[AnyEvent]]:
    events: list[AnyEvent] = []

    async def work() -> Outcome:
        job: Job = await start_job("evaluate", folder)
        seen = asyncio.Event()

        def hear(event: AnyEvent) -> None:
            events.append(event)
            if isinstance(event, Progress):
                seen.set()

        job.subscribe(hear)
        if stop_at_progress:
            await seen.wait()
            await job.stop("save")
        return await job.wait()

    return asyncio.run(asyncio.wait_for(work(), DEADLINE_S)), events


def scores_of(events: list[AnyEvent]) -> RouterScores:
    (values,) = [event.values for event in events if isinstance(event, Result)]
    return msgspec.convert(values, RouterScores)


def kept_predictions(folder: RunFolder) -> list[Prediction]:
    lines = (folder.outputs / "predictions.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Prediction) for line in lines]


def truth_row(decision: dict[str, Any]) -> str:
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "Book a flight"},
        {"role": "assistant", "content": json.dumps(decision)},
    ]
    return json.dumps({"id": "row", "messages": messages})


def test_that_a_model_that_says_the_truth_scores_full_marks(gguf: Path, tmp_path: Path):
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join([truth_row(pinned.CLARIFY)] * 6))
    contract = pinned.write_pinned_contract(tmp_path / "contract.json", pinned.CLARIFY)
    recipe = EvaluateRecipe(model=str(gguf), data=str(data), contract=str(contract), constrained=True, threads=1)
    folder = RunFolder.create(tmp_path / "run", recipe)
    outcome, events = run_evaluation(folder)
    assert outcome.exit_code == 0, outcome.sentence
    scores = scores_of(events)
    assert (scores.rows, scores.json_valid, scores.decision_valid) == (6, 1.0, 1.0)
    assert (scores.journey_accuracy, scores.intent_accuracy, scores.missing_fields_exact) == (1.0, 1.0, 1.0)
    assert (scores.complexity_mae, scores.band_agreement, scores.action_agreement) == (0.0, 1.0, 1.0)
    assert [row.decision for row in kept_predictions(folder)] == [pinned.CLARIFY] * 6
    assert folder.is_complete
    assert {event.path for event in events if isinstance(event, Artifact)} == {
        "outputs/predictions.jsonl",
        "outputs/scores.json",
    }


def test_that_random_weights_without_constraint_score_nothing_on_generated_rows(gguf: Path, tmp_path: Path):
    data = tmp_path / "data.jsonl"
    rows = generated_rows("tier1", 12, seed=1, contract=load_contract(), phrases="test")
    write_generated(data, rows, lambda _done: None)
    recipe = EvaluateRecipe(model=str(gguf), data=str(data), threads=1, limit=10)
    folder = RunFolder.create(tmp_path / "run", recipe)
    outcome, events = run_evaluation(folder)
    assert outcome.exit_code == 0, outcome.sentence
    scores = scores_of(events)
    assert (scores.rows, scores.json_valid, scores.journey_accuracy) == (10, 0.0, 0.0)
    assert scores.complexity_mae is None


def test_that_labelled_texts_are_scored_by_journey_and_bad_rows_are_told(gguf: Path, tmp_path: Path):
    data = tmp_path / "data.jsonl"
    lines = [
        '{"text": "rooms in Rome", "journey": "hotel"}',
        '{"text": "?", "journey": "nowhere"}',
        "{broken",
        '{"a":1}',
    ]
    data.write_text("\n".join(lines))
    recipe = EvaluateRecipe(model=str(gguf), data=str(data), constrained=True, threads=1)
    outcome, events = run_evaluation(RunFolder.create(tmp_path / "run", recipe))
    assert outcome.exit_code == 0, outcome.sentence
    scores = scores_of(events)
    assert scores.rows == 1
    assert scores.intent_accuracy is None
    assert list(scores.by_journey) == ["hotel"]
    told = [event.text for event in events if isinstance(event, Log)]
    assert [text.split(" ")[0] for text in told] == ["data.jsonl:2:", "data.jsonl:3:", "data.jsonl:4:"]


def test_that_a_stop_keeps_and_scores_the_rows_there_are(gguf: Path, tmp_path: Path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "rooms in Rome", "journey": "hotel"}\n' * 5000)
    folder = RunFolder.create(tmp_path / "run", EvaluateRecipe(model=str(gguf), data=str(data), threads=1))
    outcome, events = run_evaluation(folder, stop_at_progress=True)
    assert (outcome.kind, outcome.exit_code) == ("stopped", 3)
    assert 0 < scores_of(events).rows == len(kept_predictions(folder)) < 5000
    assert not folder.is_complete


@pytest.mark.parametrize(("text", "said"), [("", "no row that can be scored"), ("[]\n{}", "no row that can be scored")])
def test_that_a_file_without_truth_is_one_sentence(gguf: Path, tmp_path: Path, text: str, said: str):
    data = tmp_path / "data.jsonl"
    data.write_text(text)
    outcome, _ = run_evaluation(
        RunFolder.create(tmp_path / "run", EvaluateRecipe(model=str(gguf), data=str(data), threads=1))
    )
    assert (outcome.exit_code, outcome.failure) == (1, "bad_input")
    assert said in outcome.sentence
    assert not list((tmp_path / "run" / "outputs").glob("*"))


def test_that_a_model_folder_is_scored_with_transformers(tmp_path: Path):
    pytest.importorskip("torch", exc_type=ImportError)
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "rooms in Rome", "journey": "hotel"}\n' * 3)
    base = make_tiny_base(tmp_path / "base")
    recipe = EvaluateRecipe(model=str(base), data=str(data), threads=1)
    outcome, events = run_evaluation(RunFolder.create(tmp_path / "run", recipe))
    assert outcome.exit_code == 0, outcome.sentence
    assert scores_of(events).rows == 3
    assert scores_of(events).tokens_per_row


def test_that_a_folder_that_is_no_model_and_a_missing_one_are_sentences(tmp_path: Path):
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "rooms in Rome", "journey": "hotel"}\n')
    (tmp_path / "empty").mkdir()
    for name, said in (("empty", "is no model folder"), ("none.gguf", "There is no model at")):
        recipe = EvaluateRecipe(model=str(tmp_path / name), data=str(data), threads=1)
        outcome, _ = run_evaluation(RunFolder.create(tmp_path / f"run-{name}", recipe))
        assert (outcome.exit_code, outcome.failure) == (1, "missing_file")
        assert said in outcome.sentence
