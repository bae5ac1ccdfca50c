"""Tags and notes of a run."""

from __future__ import annotations

import pytest

from arny_studio.errors import BadInput
from arny_studio.jobs.annotations import FILE, Annotations, read_annotations, write_annotations
from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import TrainRecipe


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", TrainRecipe(base="b", train_data="t"))


def test_that_a_run_nobody_wrote_about_has_no_tags_and_no_note(run):
    assert read_annotations(run) == Annotations()


def test_that_what_is_written_is_read_back_without_empty_or_repeated_tags(run):
    write_annotations(run, Annotations(tags=[" good ", "", "night", "good"], note="Line 1\nLine 2 – “fine”"))
    assert read_annotations(run) == Annotations(tags=["good", "night"], note="Line 1\nLine 2 – “fine”")


def test_that_a_damaged_file_is_named(run):
    (run.path / FILE).write_text("[", encoding="utf-8")
    with pytest.raises(BadInput, match=r"annotations\.json"):
        read_annotations(run)
