"""The Export tab with real export workers on a tiny finished run."""

from __future__ import annotations

import hashlib
import shutil

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from arny_studio import extras
from arny_studio.errors import BadInput
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.state import apply, fold
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import DEMO_TIER1
from arny_studio.recipe import ExportRecipe, Limit, ParityLimits, ParitySettings
from arny_studio.ui.export import controller, files_model
from arny_studio.ui.export.form import CHECK, FROM_FOLDERS
from arny_studio.ui.export.quants_model import FIRST_PHONE, SIZE
from arny_studio.ui.export.sources import Wish, recipe_of
from arny_studio.ui.runs.summary import summarise
from arny_studio.ui.tab import ChatWith, EvaluateModel, ExportRun
from arny_studio.ui.widgets.items_model import CHIPS_ROLE
from arny_studio.ui.wording import bytes_in_words
from tests.damage import swap_tensors
from tests.ui.tiny_workspace import finished_run, tiny_base

EXPORT_MS = 120_000


@pytest.fixture
def export(studio, qtbot):
    studio.window.show_tab("export")
    tab = studio.window.tab("export")
    tab.widget.form.parity.show_settings(ParitySettings(prompts=0))  # the gate has tests of its own below
    qtbot.waitUntil(lambda: not tab.controller._background.is_busy, timeout=30_000)
    return tab


def hand_over(studio, export, folder, qtbot):
    studio.window.hand_over("export", ExportRun(folder=folder.path))
    qtbot.waitUntil(lambda: export.widget.form.chosen_run is not None, timeout=30_000)


def test_that_a_finished_run_becomes_the_ticked_files_with_size_and_hash(studio, export, qtbot, monkeypatch):
    hand_over(studio, export, finished_run(studio.workspace), qtbot)
    export.widget.form.quants.choose(("Q8_0", "Q4_K_M"))
    qtbot.mouseClick(export.widget.start_button, Qt.MouseButton.LeftButton)
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    assert job.outcome.kind == "finished", job.outcome
    page = export.widget.run
    qtbot.waitUntil(lambda: page.status.text() == "finished", timeout=30_000)
    ggufs = [line.artifact for line in page.files.items if line.is_gguf]
    assert sorted(file.path.rpartition("-")[2] for file in ggufs) == ["Q4_K_M.gguf", "Q8_0.gguf"]
    for file in ggufs:
        content = (job.folder.path / file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)
    assert job.state.stages[0].title.startswith("Merge")
    assert page.chosen_file is not None and page.chosen_file.name.endswith("Q4_K_M.gguf")  # the smallest one
    shown = []
    monkeypatch.setattr(QDesktopServices, "openUrl", shown.append)
    page.reveal_button.click()
    assert [url.toLocalFile() for url in shown] == [str(job.folder.outputs)]


def test_that_finished_files_are_put_into_the_chosen_folder_as_well(studio, export, qtbot, tmp_path):
    hand_over(studio, export, finished_run(studio.workspace), qtbot)
    form, page = export.widget.form, export.widget.run
    form.quants.choose(("F16",))
    form.out.setText("somewhere")
    assert "whole path" in export.widget.start_button.toolTip()
    form.out.setText(str(tmp_path / "phone"))
    export.widget.start_button.click()
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    assert job.outcome.kind == "finished", job.outcome
    qtbot.waitUntil(lambda: str(tmp_path / "phone") in page.notice.hint.text(), timeout=30_000)
    assert page.chosen_file is not None
    assert (tmp_path / "phone" / page.chosen_file.name).samefile(job.folder.path / page.chosen_file.artifact.path)


def test_that_the_folder_for_finished_files_is_chosen_in_a_dialog(studio, export, qtbot, tmp_path):
    form = export.widget.form
    form.out_requested.emit()
    dialog = next(found for found in export.widget.findChildren(QFileDialog) if found.isVisible())
    assert dialog.fileMode() == QFileDialog.FileMode.Directory
    dialog.fileSelected.emit(str(tmp_path))
    dialog.reject()
    assert form.out.text() == str(tmp_path)


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
    assert isinstance(recipe, ExportRecipe)
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


def test_that_a_file_picked_by_keyboard_stays_selected_when_another_is_judged(studio, export, qtbot):
    page = export.widget.run
    export.widget.show_run_page()
    files = [Artifact(kind="gguf", path=f"outputs/tiny-{name}.gguf", size_bytes=9) for name in ("F16", "Q8_0")]
    state = fold(files)
    page.show_state(state)
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert page.chosen_line.name == "tiny-Q8_0.gguf"
    state = apply(state, Artifact(kind="gguf", path="outputs/tiny-Q4_K_M.gguf", size_bytes=1))
    page.show_state(state)
    assert page.chosen_line.name == "tiny-Q8_0.gguf"  # though another one is smaller now
    page.show_run(summarise(finished_run(studio.workspace)))
    page.show_state(state)
    assert page.chosen_line.name == "tiny-Q4_K_M.gguf"  # a pick is of one export, and what we select is none
    page.show_state(apply(state, Artifact(kind="gguf", path="outputs/tiny-Q4_0.gguf", size_bytes=0)))
    assert page.chosen_line.name == "tiny-Q4_0.gguf"


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


def test_that_sizes_disk_time_and_phones_are_said_before_anything_is_made(studio, export, qtbot):
    hand_over(studio, export, finished_run(studio.workspace), qtbot)
    form = export.widget.form
    qtbot.waitUntil(lambda: "of disk" in form.totals.text(), timeout=60_000)
    form.quants.choose(("Q8_0",))
    small = form.totals.text()
    form.quants.choose(("F16", "Q8_0", "Q4_K_M"))
    assert form.totals.text() != small
    line = [facts.quant for facts in form.quants.items].index("Q8_0")
    assert form.quants.index(line, SIZE).data() == "1.5 MiB"
    assert [tone for _, tone in form.quants.index(line, FIRST_PHONE).data(CHIPS_ROLE)] == ["success"]
    form.merged.setChecked(True)
    form.lora.setChecked(True)
    qtbot.waitUntil(lambda: "-LoRA.gguf takes" in form.totals.text(), timeout=60_000)
    assert "tiny-1.4M-tier1 takes" in form.totals.text()


def test_that_nothing_is_planned_before_the_tab_is_shown(open_studio, qtbot, tmp_path, monkeypatch):
    asked = []

    def plan(recipe, _folder, _models):
        asked.append(recipe)
        raise BadInput("Not now.")

    monkeypatch.setattr(controller, "planned_export", plan)
    finished_run(Workspace(tmp_path / "workspace"))
    studio = open_studio()
    form = studio.window.tab("export").widget.form
    assert studio.window.current != "export"
    qtbot.waitUntil(lambda: form.chosen_run is not None, timeout=30_000)
    form.quants.choose(("Q8_0",))
    assert not studio.window.tab("export").controller._plan_timer.isActive()
    assert asked == []
    studio.window.show_tab("export")
    qtbot.waitUntil(lambda: "Not now." in form.totals.text(), timeout=30_000)
    assert len(asked) == 1


def test_that_figures_of_one_model_do_not_stand_beside_another(studio, export, qtbot):
    form = export.widget.form
    form.show_source(FROM_FOLDERS)
    form.base.setText(str(tiny_base(studio.workspace)))
    qtbot.waitUntil(lambda: form._plan is not None, timeout=30_000)
    form.base.setText(str(studio.workspace.models / "nowhere"))
    assert form.quants.index(0, SIZE).data() == "…"
    assert "it has no config.json" in form.totals.text()
    form.base.setText("owner/not-here")
    assert export.widget.start_button.isEnabled()  # a Hub id: what is in the way is said as soon as it is known
    qtbot.waitUntil(lambda: "arny models download owner/not-here" in form.totals.text(), timeout=30_000)


def test_that_tier_and_licence_of_folders_reach_the_recipe(studio, export):
    form = export.widget.form
    form.show_source(FROM_FOLDERS)
    form.base.setText(str(tiny_base(studio.workspace)))
    form.tier.choose("tier2")
    form.license.setText("mit")
    recipe = recipe_of(form.wish)
    assert isinstance(recipe, ExportRecipe)
    assert (recipe.tier, recipe.license) == ("tier2", "mit")
    form.show_source(CHECK)
    form.checked.setText(str(DEMO_TIER1))
    assert recipe_of(form.wish).tier == ""
    form.checked_tier.choose("tier1")
    assert recipe_of(form.wish).tier == "tier1"


def test_that_limits_of_the_gate_reach_the_recipe(export):
    card = export.widget.form.parity
    settings = ParitySettings(
        prompts=7,
        trainer_prompts=0,
        limits=ParityLimits(kl=Limit(amber=0.01, red=0.02), flips=Limit(amber=0.0, red=0.1)),
    )
    card.show_settings(settings)
    assert card.settings == settings
    assert export.widget.form.wish.parity == settings


def test_that_a_damaged_quant_turns_red_and_shows_prompt_by_prompt_what_flipped(studio, export, qtbot, tmp_path):
    form, page = export.widget.form, export.widget.run
    form.show_source(CHECK)
    damaged = tmp_path / "damaged-tier1-Q8_0.gguf"
    shutil.copyfile(DEMO_TIER1, damaged)
    form.checked.setText(str(swap_tensors(damaged)))
    form.reference.setText(str(DEMO_TIER1))
    form.parity.show_settings(ParitySettings(prompts=4))
    export.widget.start_button.click()
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    assert job.outcome.exit_code == 4, job.outcome
    qtbot.waitUntil(lambda: len(page.prompts.model.items) == 4, timeout=30_000)
    assert page.verdict.chip.text() == "red"
    assert "does not behave like" in page.verdict.sentence.text()
    shown = page.prompts.model.items[0]
    assert shown.is_flip and shown.route == "router_error"
    assert page.prompts.reference.toPlainText() == shown.reference != page.prompts.candidate.toPlainText()
    assert page.checks.has_checks
    assert page.files.index(0, files_model.SIZE).data() == bytes_in_words(damaged.stat().st_size)
    assert not page.chat_button.isVisible()


def test_that_a_file_checked_alone_is_listed_with_its_size(studio, export, qtbot):
    export.widget.form.show_source(CHECK)
    export.widget.form.checked.setText(str(DEMO_TIER1))
    export.widget.start_button.click()
    job, page = studio.jobs.jobs[-1], export.widget.run
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    qtbot.waitUntil(lambda: bool(page.files.items), timeout=30_000)
    assert [page.files.index(0, column).data() for column in (files_model.FILE, files_model.SIZE)] == [
        DEMO_TIER1.name, bytes_in_words(DEMO_TIER1.stat().st_size)
    ]  # fmt: skip
    assert page.verdict.sentence.text() == "No file has been held against F16 here."


def test_that_a_bundle_of_an_exported_file_is_made_in_the_chosen_folder(studio, export, qtbot, tmp_path):
    hand_over(studio, export, finished_run(studio.workspace), qtbot)
    export.widget.form.quants.choose(("Q8_0",))
    export.widget.start_button.click()
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=EXPORT_MS)
    page = export.widget.run
    qtbot.waitUntil(lambda: page.chosen_file is not None, timeout=30_000)
    export.controller.make_bundle("ollama", page.chosen_file.artifact, str(tmp_path / "out"))
    bundle = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not bundle.is_running, timeout=EXPORT_MS)
    assert bundle.outcome.kind == "finished", bundle.outcome
    assert "FROM ./tiny-1.4M-tier1-Q8_0.gguf" in (tmp_path / "out" / "tier1" / "Modelfile").read_text()
    assert "ollama bundle is ready" in page.notice.sentence.text()
