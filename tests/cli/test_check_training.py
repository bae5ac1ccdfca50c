"""`arny train --check`, with its real worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from arny_studio.cli.main import app

GOOD = {"messages": [{"role": "user", "content": "Ask"}, {"role": "assistant", "content": "Answer"}]}


def check(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(
        app, ["train", "--preset", "demo-tier1", "--check", *arguments], catch_exceptions=False, env={"COLUMNS": "200"}
    )
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_that_a_sound_training_can_start_and_its_cost_is_told(tmp_path: Path):
    data = tmp_path / "train.jsonl"
    data.write_text("\n".join([json.dumps(GOOD)] * 3 + ["{oops"]), encoding="utf-8")
    said = check("--data", str(data))
    assert "It can start." in said
    assert "train.jsonl, line 4" in said
    assert "Base weights" in said
    report = json.loads(check("--data", str(data), "--json"))
    assert (report["rows"], report["rows_skipped"]) == (3, 1)
    assert report["memory"]["raw"] == sum(part["bytes"] for part in report["memory_parts"])


@pytest.mark.parametrize("text", ["", "{oops"])
def test_that_what_stands_against_it_is_exit_code_4(text: str, tmp_path: Path):
    data = tmp_path / "train.jsonl"
    data.write_text(text, encoding="utf-8")
    assert "It cannot start." in check("--data", str(data), exit_code=4)
