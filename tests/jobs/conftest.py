from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import TrainRecipe


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def recipe() -> TrainRecipe:
    return TrainRecipe(title="A small run", base="base", train_data="train.jsonl")


@pytest.fixture
def run_folder(workspace: Workspace, recipe: TrainRecipe) -> RunFolder:
    return workspace.new_run("train", recipe)


@pytest.fixture(autouse=True)
def no_worker_left(tmp_path: Path):
    """A test that failed half-way leaves no worker on this machine: theirs are the processes that name its folder."""
    yield
    for process in psutil.process_iter(["cmdline"]):
        if any(str(tmp_path) in argument for argument in process.info["cmdline"] or ()):
            process.kill()
