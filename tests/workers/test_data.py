"""The data worker as a process of its own: its passes, what they leave, and how they stop."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from arny_studio.cli.running import run_recipe
from arny_studio.contract import load_contract
from arny_studio.dataset.columns import Columns
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import ApplyPatch, Change, SetRow
from arny_studio.dataset.samples import RowProblem
from arny_studio.recipe import DataRecipe
from tests.dataset.rows import conversation, decided, write_rows

CONTRACT = load_contract()
DEMO_BASE = Path(__file__).parents[2] / "resources" / "models" / "demo-base"


@pytest.fixture
def path(tmp_path):
    return write_rows(
        tmp_path / "d.jsonl", decided("a"), decided("a"), b"{", conversation(("user", "why"), ("assistant", "so"))
    )


def run(tmp_path, **fields):
    outcome, folder = run_recipe("data", DataRecipe(**fields), workspace=tmp_path / "w", quiet=True)
    return outcome, folder, folder.state().results


def test_that_a_check_leaves_columns_and_problems_and_says_that_it_found_some(tmp_path, path):
    outcome, folder, results = run(tmp_path, task="check", path=str(path))
    assert outcome.exit_code == 4
    columns = Columns.open(folder.outputs / "columns")
    assert msgspec.to_builtins(columns.summary) == results["check"] | {"imbalance": ()}
    assert (columns.summary.rows, columns.summary.errors, columns.summary.warnings) == (4, 1, 1)
    lines = (folder.outputs / "problems.jsonl").read_bytes().splitlines()
    problems = [msgspec.json.decode(line, type=RowProblem) for line in lines]
    assert [(problem.line, problem.rule) for problem in problems] == [(2, "duplicate"), (3, "unreadable")]


def test_that_passes_see_the_unsaved_edits_of_the_window(tmp_path, path):
    document = Document.open(path)
    document.apply(Change("Edit", (SetRow(1, decided("b")), SetRow(2, decided("c")))))
    document.flush()
    view = msgspec.to_builtins(document.view())
    outcome, folder, _ = run(tmp_path, task="scan", **view, out=str(tmp_path / "columns"))
    assert outcome.exit_code == 0, outcome
    columns = Columns.open(tmp_path / "columns")
    assert columns.summary.by_kind == {}
    assert (columns.state.version, columns.state.journal_bytes) == (document.version, view["journal_bytes"])
    outcome, folder, results = run(
        tmp_path, task="bulk", **view, operation="replace", arguments={"find": "b", "replacement": "x", "scope": "user"}
    )
    assert results["patch"]["changed"] == 1 and results["patch"]["first"][0]["key"] == 1
    document.apply(
        Change(results["patch"]["title"], (ApplyPatch(str(folder.outputs / "changes.patch")),), document.version)
    )
    assert document.raw(1) == decided("x")
    document.close(discard=True)


def test_that_a_bulk_pass_changes_only_the_keys_it_is_given(tmp_path, path):
    np.save(tmp_path / "keys.npy", np.array([0, 3]))
    _, _, results = run(tmp_path, task="bulk", path=str(path), operation="delete", only=str(tmp_path / "keys.npy"))
    assert (results["patch"]["looked_at"], results["patch"]["removed"]) == (2, 2)
    outcome, _, _ = run(tmp_path, task="bulk", path=str(path), operation="delete", only=str(tmp_path / "gone.npy"))
    assert (outcome.kind, "gone.npy" in outcome.sentence) == ("failed", True)


def test_that_find_writes_the_numbers_of_the_rows(tmp_path, path):
    outcome, folder, results = run(tmp_path, task="find", path=str(path), query="role:user a -problem:*")
    assert np.load(folder.outputs / "rows.npy").tolist() == [0]
    assert results["find"] == {"rows": 1, "total": 4}
    outcome, _, _ = run(tmp_path, task="find", path=str(path), query="jorney:x")
    assert (outcome.exit_code, "'journey'" in outcome.hint) == (2, True)


def test_that_tokens_are_counted_with_the_base_that_will_be_trained(tmp_path, path):
    run(tmp_path, task="scan", path=str(path), base=str(DEMO_BASE), max_tokens=4, out=str(tmp_path / "columns"))
    columns = Columns.open(tmp_path / "columns")
    counted = columns.array("tokens").tolist()
    run(tmp_path, task="scan", path=str(path), out=str(tmp_path / "estimated"))
    assert counted[0] == counted[1] > 4 and counted != Columns.open(tmp_path / "estimated").array("tokens").tolist()
    assert columns.summary.by_kind["truncated"] == 3


def test_that_an_unknown_operation_is_refused_with_the_nearest_one(tmp_path, path):
    outcome, _, _ = run(tmp_path, task="bulk", path=str(path), operation="normalize")
    assert (outcome.exit_code, "'normalise'" in outcome.hint) == (2, True)
    assert json.loads(path.read_bytes().splitlines()[0])
