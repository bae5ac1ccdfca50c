"""The Export tab with real export workers on a tiny finished run."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from PySide6.QtCore import Qt

from arny_studio import extras
from arny_studio.recipe import ExportRecipe
from arny_studio.ui.export.form import FROM_FOLDERS
from arny_studio.ui.export.sources import Wish, recipe_of
from arny_studio.ui.tab import ChatWith, EvaluateModel, ExportRun
from tests.ui.tiny_workspace import finished_run, tiny_base

EXPORT_MS = 40_000


@pytest.fixture
def export(studio, qtbot):
    studio.window.show_tab("export")
    tab = studio.window.tab("export")
    qtbot.waitUntil(lambda: not tab.controller._background.is_busy, timeout=30_000)
    return tab


def hand_over(studio, export, folder, qtbot):
    studio.window.hand_over("export", ExportRun(folder=folder.path))
    qtbot.waitUntil(lambda: export.widget.form.chosen_run is not None, timeout=30_000)


def test_that_a_finished_run_becomes_the_ticked_files_with_size_and_hash(studio, export, qtbot):
    hand_over(studio, export, finished_run(studio.workspace), qtbot)
    export.widget.form.quants.choose(("Q8_0", "Q4_K_M"))
    qtbot.mouseClick(export.widget.start_button, Qt.MouseButton.LeftButton)
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    assert job.outcome.kind == "finished", job.outcome
    page = export.widget.run
    qtbot.waitUntil(lambda: page.status.text() == "finished", timeout=30_000)
    ggufs = [file for file in page.files.items if file.kind == "gguf"]
    assert sorted(file.path.rpartition("-")[2] for file in ggufs) == ["Q4_K_M.gguf", "Q8_0.gguf"]
    for file in ggufs:
        content = (job.folder.path / file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)
    assert job.state.stages[0].title.startswith("Merge")
    assert page.chosen_file is not None and page.chosen_file.path.endswith("Q4_K_M.gguf")  # the smallest one


def test_that_an_exported_file_is_handed_to_chat_and_evaluate(studio, export, qtbot, monkeypatch):
    hand_over(studio, export, finished_run(studio.workspace, tier="tier2"), qtbot)
    export.widget.form.quants.choose(("F16",))
    export.widget.start_button.click()
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    qtbot.waitUntil(lambda: export.widget.run.chat_button.isEnabled(), timeout=30_000)
    received = []
    for key in ("chat", "evaluate"):
        place = studio.window.tab(key)
        monkeypatch.setitem(studio.window._tabs, key, _with_receive(place, received.append))
    export.widget.run.chat_button.click()
    studio.window.show_tab("export")
    export.widget.run.evaluate_button.click()
    chat, evaluate = received
    assert isinstance(chat, ChatWith) and chat.tier == 2 and chat.path.is_file()
    assert isinstance(evaluate, EvaluateModel) and evaluate.path == chat.path


def _with_receive(tab, receive):
    return msgspec.structs.replace(tab, receive=receive)


def test_that_a_failed_export_says_why_and_leaves_no_file(studio, export, qtbot):
    folder = finished_run(studio.workspace)
    weights = folder.path / "outputs/adapter/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    hand_over(studio, export, folder, qtbot)
    export.widget.start_button.click()
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    page = export.widget.run
    assert job.outcome.kind == "failed"
    assert page.notice.sentence.text() == job.outcome.sentence
    assert page.again_button.isVisible()
    assert list(job.folder.outputs.iterdir()) == []


def test_that_folders_are_exported_as_well(studio, export, qtbot):
    form = export.widget.form
    form.show_source(FROM_FOLDERS)
    form.base.setText(str(studio.workspace.models))
    assert "config.json" in export.widget.start_button.toolTip()
    form.base.setText(str(tiny_base(studio.workspace)))
    assert export.widget.start_button.isEnabled()
    recipe = recipe_of(form.wish)
    assert (recipe.base, recipe.adapter) == (form.base.text(), "")


def test_that_the_page_names_run_and_base_and_keeps_paths_in_the_tooltip(studio, export):
    folder = finished_run(studio.workspace)
    base, adapter = str(tiny_base(studio.workspace)), str(folder.path / "outputs" / "adapter")
    page = export.widget.run
    page.show_recipe(ExportRecipe(base=base, adapter=adapter, quants=("F16", "Q8_0")))
    assert page.recipe.text().replace("\u200b", "") == "F16, Q8_0 of train-tiny-run on tiny"
    assert adapter in page.recipe.toolTip()
    page.show_recipe(ExportRecipe(base=base, quants=("F16",)))
    assert page.recipe.text() == "F16 of tiny"


def test_that_a_format_is_ticked_by_the_mouse_on_its_box(export, qtbot):
    quants, table = export.widget.form.quants, export.widget.form.table
    before = quants.chosen
    index = quants.index(0, 0)
    box = table.visualRect(index)
    place = box.topLeft()
    place.setX(box.left() + 16)
    place.setY(box.center().y())
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert quants.chosen == ("F16", *before)


def test_that_nothing_ticked_and_a_name_with_a_folder_are_refused(studio):
    with pytest.raises(Exception, match="at least one format"):
        recipe_of(Wish(run=None, base="x"))
    with pytest.raises(Exception, match="without folders"):
        recipe_of(Wish(run=None, base="x", quants=("F16",), name="a/b"))


def test_that_without_llama_cpp_only_f16_may_be_started(studio, export, qtbot, monkeypatch):
    hand_over(studio, export, finished_run(studio.workspace), qtbot)
    monkeypatch.setitem(extras.LIBRARIES, "infer", ("a_library_that_nobody_has",))
    export.widget.form.quants.choose(("Q8_0",))
    assert not export.widget.start_button.isEnabled()
    assert "arny-studio[infer]" in export.widget.notice.hint.text()
    export.widget.form.quants.choose(("F16",))
    assert export.widget.start_button.isEnabled()
