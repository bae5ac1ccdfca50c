from __future__ import annotations

import re
from pathlib import Path

import pytest

from arny_studio.errors import MissingFile
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace, slug
from arny_studio.recipe import TrainRecipe


def run_named(workspace: Workspace, name: str) -> RunFolder:
    return RunFolder.create(workspace.runs / name, TrainRecipe(base="b", train_data="t"))


def test_that_folders_are_made_when_they_are_asked_for(workspace: Workspace) -> None:
    assert not workspace.root.exists()
    for folder in (workspace.datasets, workspace.models, workspace.runs, workspace.reports):
        assert folder.is_dir() and folder.parent == workspace.root


def test_that_a_run_is_named_by_time_kind_and_title(workspace: Workspace) -> None:
    run = workspace.new_run("train", TrainRecipe(title="Tier-1: Größe & Co.", base="b", train_data="t"))
    assert re.fullmatch(r"\d{8}T\d{6}Z-train-tier-1-gr-e-co", run.name)


def test_that_runs_of_the_same_second_get_folders_of_their_own(workspace: Workspace, recipe: TrainRecipe) -> None:
    runs = [workspace.new_run("train", recipe) for _ in range(4)]
    assert len({run.path for run in runs}) == 4


def test_that_a_run_without_title_ends_with_its_kind(workspace: Workspace) -> None:
    assert workspace.new_run("train", TrainRecipe(base="b", train_data="t")).name.endswith("-train")


@pytest.mark.parametrize(
    ("title", "expected"), [("", ""), ("--", ""), ("A" * 80, "a" * 40), ("x " * 30, "x-" * 19 + "x")]
)
def test_that_slugs_are_short_and_plain(title: str, expected: str) -> None:
    assert slug(title) == expected


def test_that_runs_are_listed_newest_first_and_other_folders_are_not(workspace: Workspace) -> None:
    names = ["20260101T000000Z-train", "20260301T000000Z-export", "20260201T000000Z-train"]
    for name in names:
        run_named(workspace, name)
    (workspace.runs / "notes").mkdir()
    assert [run.name for run in workspace.runs_by_time()] == sorted(names, reverse=True)


def test_that_a_run_is_found_by_name_beginning_path_and_as_the_latest(workspace: Workspace, tmp_path: Path) -> None:
    old = run_named(workspace, "20260101T000000Z-train")
    new = run_named(workspace, "20260201T000000Z-train")
    longer = run_named(workspace, "20260101T000000Z-train-2")
    outside = RunFolder.create(tmp_path / "outside", TrainRecipe(base="b", train_data="t"))
    assert workspace.find_run(old.name) == old
    assert workspace.find_run("202602") == new
    assert workspace.find_run("latest") == new
    assert workspace.find_run(longer.name) == longer
    assert workspace.find_run(str(outside.path)) == outside


def test_that_a_run_that_is_not_there_is_named_with_its_nearest(workspace: Workspace) -> None:
    with pytest.raises(MissingFile, match="There is no run 'latest'"):
        workspace.find_run("latest")
    run_named(workspace, "20260101T000000Z-train")
    run_named(workspace, "20260101T000001Z-train")
    with pytest.raises(MissingFile, match="There is no run") as error:
        workspace.find_run("20260101T000000Z-tarin")
    assert "20260101T000000Z-train" in error.value.hint
    with pytest.raises(MissingFile, match="Several runs begin with '2026'"):
        workspace.find_run("2026")
    with pytest.raises(MissingFile) as nothing_near:
        workspace.find_run("zzz")
    assert nothing_near.value.hint == "List them with: arny runs list"
