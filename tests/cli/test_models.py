"""`arny models list`: what there is, in lines that can be copied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from arny_studio.cli.models import app
from arny_studio.jobs.workspace import Workspace
from tests.tiny_models import make_tiny_base


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("ARNY_SETTINGS", str(tmp_path / "settings"))
    made = Workspace(tmp_path / "a workspace whose own name is longer than half of a terminal's line")
    make_tiny_base(made.models / "tiny")
    return made


def listed(workspace: Workspace, *options: str) -> Result:
    command = ["list", *options, "--workspace", str(workspace.root)]
    return CliRunner().invoke(app, command, catch_exceptions=False, env={"COLUMNS": "80"})


def test_that_a_models_path_stands_whole_on_a_line_of_its_own(workspace: Workspace):
    lines = listed(workspace, "--kind", "base").output.splitlines()
    at = lines.index(f"    {workspace.models / 'tiny'}")
    assert lines[at - 1].split()[:3] == ["base", "tiny", "Qwen2ForCausalLM"]


def test_that_a_model_that_cannot_be_used_says_why(workspace: Workspace):
    weights = workspace.models / "tiny" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert "model.safetensors is cut short" in listed(workspace).output


def test_that_the_list_is_json_where_asked(workspace: Workspace):
    found = json.loads(listed(workspace, "--json").output)
    assert str(workspace.models / "tiny") in [entry["path"] for entry in found]


def test_that_a_kind_of_which_there_is_none_says_how_to_get_one(workspace: Workspace):
    assert "arny models download" in listed(workspace, "--kind", "nothing").output
