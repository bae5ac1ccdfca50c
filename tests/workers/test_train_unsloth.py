"""The worker's Unsloth path, with a package that stands in for it on the interpreter's search path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from msgspec import structs

from arny_studio.jobs.events import Failed, Finished, Metric
from arny_studio.jobs.folder import RunFolder
from tests.workers.training import Worker, adapter_of, short_recipe

pytestmark = pytest.mark.timeout(600)

STAND_IN = Path(__file__).parents[1] / "engine" / "stand_in"


@pytest.mark.slow
def test_that_unsloth_trains_behind_the_same_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = structs.replace(short_recipe(tmp_path / "inputs"), engine="unsloth", max_steps=6, lora_dropout=0.0)
    recipe = structs.replace(recipe, validation_data=recipe.train_data)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STAND_IN), *sys.path]))
    folder = RunFolder.create(tmp_path / "run", recipe)
    with Worker(folder) as worker:
        assert worker.to_the_end() == 0, worker.seen[-1]
    assert isinstance(worker.seen[-1], Finished)
    losses = [event.loss for event in worker.seen if isinstance(event, Metric) and event.loss is not None]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert any(event.validation_loss for event in worker.seen if isinstance(event, Metric))
    assert any(name.endswith("lora_B.weight") and weight.any() for name, weight in adapter_of(folder.outputs).items())


def test_that_a_python_without_unsloth_says_where_it_belongs(tmp_path: Path):
    recipe = structs.replace(short_recipe(tmp_path / "inputs"), engine="unsloth")
    with Worker(RunFolder.create(tmp_path / "run", recipe)) as worker:
        assert worker.to_the_end() == 1
    failed = worker.seen[-1]
    assert isinstance(failed, Failed)
    assert failed.kind == "missing_extra"
    assert "--python" in failed.hint
