"""Licences are read from the folder, and known by name only where we have read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from arny_studio import paths
from arny_studio.recipe.licences import licence_of


@pytest.mark.parametrize(
    "base, identifier, is_restricted",
    [
        ("Qwen/Qwen2.5-1.5B", "apache-2.0", False),
        ("unsloth/Qwen2.5-1.5B-bnb-4bit", "apache-2.0", False),
        ("unsloth/Qwen2.5-3B-bnb-4bit", "qwen-research", True),
        ("Qwen/Qwen2.5-3B-Instruct", "qwen-research", True),
        ("Qwen/Qwen2.5-72B", "qwen", True),
        ("Qwen/Qwen2.5-32B", "apache-2.0", False),
        ("somebody/else", "", False),
    ],
)
def test_that_the_3b_is_for_research_and_the_others_are_not(base: str, identifier: str, is_restricted: bool):
    licence = licence_of(base)
    assert (licence.id, licence.is_restricted) == (identifier, is_restricted)


def test_that_the_folder_comes_before_the_name(tmp_path: Path):
    folder = tmp_path / "Qwen--Qwen2.5-3B"
    folder.mkdir()
    assert licence_of(str(folder)).id == "qwen-research"
    (folder / "LICENSE").write_text("\n   Apache License\n   Version 2.0", encoding="utf-8")
    assert (licence_of(str(folder)).id, licence_of(str(folder)).source) == ("apache-2.0", "LICENSE")
    (folder / "README.md").write_text("---\nlicense: other\nlicense_name: qwen-research\n---\n# Hi", encoding="utf-8")
    assert (licence_of(str(folder)).id, licence_of(str(folder)).source) == ("qwen-research", "README.md")


def test_that_a_snapshot_of_the_hub_is_known_by_its_place(tmp_path: Path):
    snapshot = tmp_path / "models--unsloth--Qwen2.5-3B-bnb-4bit" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    assert licence_of(str(snapshot)).id == "qwen-research"


def test_that_the_demo_base_is_our_own():
    assert licence_of(str(paths.DEMO_BASE)).id == "apache-2.0"
