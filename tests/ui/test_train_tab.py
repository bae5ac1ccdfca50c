"""The Train tab with real training workers on a tiny base."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from arny_studio import extras
from arny_studio.recipe import TrainRecipe
from arny_studio.ui.tab import TrainOn
from tests.ui.tiny_workspace import finished_run, tiny_base, tiny_dataset

pytestmark = pytest.mark.timeout(600)  # real workers on a slow, noisy machine

SLOW_MS = 150_000  # importing the training libraries takes long on a busy machine


@pytest.fixture
def train(studio, qtbot):
    return opened(studio, qtbot)


def opened(studio, qtbot):
    studio.window.show_tab("train")
    tab = studio.window.tab("train")
    qtbot.waitUntil(lambda: not tab.controller._background.is_busy, timeout=30_000)
    return tab


def fill(studio, tab, **changes):
    """Fill the form so that a step takes milliseconds."""
    tab.widget.new.sources.show_base(str(tiny_base(studio.workspace)))
    tab.widget.new.sources.show_dataset(tiny_dataset(studio.workspace))
    quick = {
        "packing": False, "max_seq_length": 64, "batch_size": 1, "gradient_accumulation": 1, "max_minutes": 0.0,
        "lora_r": 4, "max_steps": 80, "save_steps": 1000,
    }  # fmt: skip
    for name, value in (quick | changes).items():
        editor = tab.widget.new.form.editors[name]
        editor.show_value(value, baseline=editor._baseline)
        editor.changed.emit()


def close(studio, qtbot):
    """Close the window as a user does; what outlives it goes on."""
    studio.window.close()
    closing = asyncio.ensure_future(studio.jobs.close())
    qtbot.waitUntil(closing.done, timeout=30_000)


def start(studio, tab, qtbot):
    qtbot.mouseClick(tab.widget.new.start_button, Qt.MouseButton.LeftButton)
    return studio.jobs.jobs[-1]


def test_that_a_run_is_started_watched_stopped_and_resumed(studio, train, qtbot):
    fill(studio, train, max_steps=5000)  # more than any machine does before it is stopped
    run = train.widget.run
    job = start(studio, train, qtbot)
    assert not train.widget.is_form_shown
    qtbot.waitUntil(lambda: run.curves.points_shown >= 3, timeout=SLOW_MS)
    first = run.curves.points_shown
    qtbot.waitUntil(lambda: run.curves.points_shown > first, timeout=SLOW_MS)
    assert run.tiles["loss"].figure != "–"
    assert run.resume_button.isHidden()
    qtbot.mouseClick(run.stop_save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not job.is_running, timeout=SLOW_MS)
    assert job.outcome.kind == "stopped", job.outcome
    stopped_at = job.state.step
    assert run.status.text() == "stopped"
    assert "resumed" in run.notice.sentence.text()
    assert run.resume_button.text() == f"Resume from step {stopped_at:,}"

    qtbot.mouseClick(run.resume_button, Qt.MouseButton.LeftButton)
    resumed = studio.jobs.jobs[-1]
    assert resumed is not job
    qtbot.waitUntil(lambda: run.curves.points_shown > stopped_at, timeout=SLOW_MS)
    assert resumed.state.resumed_from == stopped_at
    qtbot.mouseClick(run.stop_now_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not resumed.is_running, timeout=SLOW_MS)
    steps = [step for step, _ in resumed.state.curve.points("loss")]
    assert steps == list(range(1, resumed.state.step + 1))  # the whole curve, each step once


def test_that_a_run_goes_on_without_the_window_and_is_found_again_with_its_whole_curve(
    open_studio, qtbot, tmp_path, qt_loop
):
    studio = open_studio(tmp_path / "work")
    tab = opened(studio, qtbot)
    fill(studio, tab, max_steps=5000)
    job = start(studio, tab, qtbot)
    qtbot.waitUntil(lambda: job.state.step >= 2, timeout=SLOW_MS)
    pid = job.state.pid
    close(studio, qtbot)
    assert psutil.pid_exists(pid)

    again = open_studio(tmp_path / "work")
    adopting = asyncio.ensure_future(again.jobs.adopt_running())
    qtbot.waitUntil(adopting.done, timeout=30_000)
    [found] = [each for each in again.jobs.jobs if each.folder.path == job.folder.path]
    page = again.window.tab("train").widget.run
    qtbot.waitUntil(lambda: found.state.step > 3, timeout=SLOW_MS)
    qtbot.waitUntil(lambda: page.curves.points_shown >= 3, timeout=SLOW_MS)
    assert found.state.pid == pid
    assert [step for step, _ in found.state.curve.points("loss")][:3] == [1, 2, 3]
    page.stop_now_button.click()
    qtbot.waitUntil(lambda: not found.is_running, timeout=SLOW_MS)
    assert found.outcome.kind == "stopped"


def test_that_a_killed_worker_ends_as_a_failed_run_that_can_be_resumed(studio, train, qtbot):
    fill(studio, train, max_steps=5000)
    job = start(studio, train, qtbot)
    qtbot.waitUntil(lambda: job.state.pid is not None, timeout=SLOW_MS)
    os.kill(job.state.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not job.is_running, timeout=SLOW_MS)
    run = train.widget.run
    assert run.status.text() == "failed"
    assert "SIGKILL" in run.notice.sentence.text()
    assert run.notice.hint.text()
    assert run.resume_button.isVisible()
    assert studio.window.isVisible()


def test_that_data_that_cannot_be_trained_on_ends_with_its_sentence(studio, train, qtbot):
    fill(studio, train)
    broken = studio.workspace.datasets / "broken.jsonl"
    broken.write_text("this is no JSON\n", encoding="utf-8")
    train.widget.new.sources.show_dataset(broken)
    job = start(studio, train, qtbot)
    qtbot.waitUntil(lambda: not job.is_running, timeout=SLOW_MS)
    assert job.outcome.kind == "failed"
    assert train.widget.run.notice.sentence.text() == job.outcome.sentence
    assert "broken.jsonl" in job.outcome.sentence
    assert train.widget.run.resume_button.text() == "Try again"
    assert "Traceback" not in train.widget.run.log.toPlainText()
    assert studio.window.messages.messages == []  # the page says it; the bar above need not


def test_that_data_that_has_vanished_is_said_and_makes_no_run(studio, train, qtbot):
    fill(studio, train)
    train.controller.form.preflight.forget()  # which would say it too, in its own time
    tiny_dataset(studio.workspace).unlink()
    for button in (train.widget.new.start_button, train.widget.new.queue_button):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert "There is no dataset at" in studio.window.messages.messages[-1].sentence
    assert train.widget.is_form_shown
    assert studio.jobs.jobs == []
    assert not studio.workspace.runs.exists() or not list(studio.workspace.runs.iterdir())


def test_that_the_run_page_shows_the_locked_recipe_and_never_the_form(studio, train, qtbot):
    folder = finished_run(studio.workspace)
    train.controller.board.show_run(folder)
    fill(studio, train, lora_r=8)
    assert train.widget.run.recipe.values["lora_r"] == "16"
    assert train.widget.run.recipe.values["title"] == "Tiny run"


def test_that_the_form_says_what_keeps_it_from_starting(studio, train, qtbot):
    assert not train.widget.new.start_button.isEnabled()
    assert train.widget.new.start_button.toolTip()
    fill(studio, train)
    assert train.widget.new.start_button.isEnabled()
    editor = train.widget.new.form.editors["learning_rate"]
    editor._input.setText("7")
    assert not train.widget.new.start_button.isEnabled()
    assert "up to 0.1" in train.widget.new.start_button.toolTip()
    editor._input.setText("2e-4")
    assert train.widget.new.start_button.isEnabled()
    assert train.controller.form.recipe().learning_rate == 2e-4


def test_that_a_changed_field_is_marked_and_can_be_reset(train):
    editor = train.widget.new.form.editors["epochs"]
    assert editor._dot.text() == ""
    editor._input.setText("9")
    assert editor._dot.text() == "●"
    assert train.widget.new.form.changed_fields == ("epochs",)
    editor._reset.click()
    assert editor.value == 4.0
    assert train.widget.new.form.changed_fields == ()


def test_that_a_preset_brings_all_its_values(train):
    train.widget.new.form.preset.choose("tier2")
    recipe_values = train.widget.new.form.values
    assert (recipe_values["learning_rate"], recipe_values["batch_size"], recipe_values["warmup_steps"]) == (1e-4, 2, 10)
    assert train.widget.new.sources.base_value == "unsloth/Qwen2.5-3B-bnb-4bit"
    assert train.widget.new.form.changed_fields == ()


def test_that_a_dataset_handed_over_becomes_the_training_data(studio, train):
    path = tiny_dataset(studio.workspace)
    studio.window.hand_over("train", TrainOn(path=path))
    assert train.widget.is_form_shown
    assert train.widget.new.sources.train_value == str(path)


def test_that_the_other_half_of_a_split_is_chosen_with_it(studio, train):
    whole = tiny_dataset(studio.workspace)
    halves = [whole.with_name(f"rows.{name}.jsonl") for name in ("train", "validation")]
    for half in halves:
        half.write_bytes(whole.read_bytes())
        train.widget.new.sources.show_dataset(half, is_validation=half == halves[1])
    train.widget.new.sources.validation.choose("")
    train.widget.new.sources.show_dataset(whole)
    assert train.widget.new.sources.validation_value == ""
    train.widget.new.sources.train.choose(str(halves[0]))
    assert train.widget.new.sources.validation_value == str(halves[1])


def test_that_a_missing_extra_is_said_with_the_command_that_installs_it(studio, train, monkeypatch):
    monkeypatch.setitem(extras.LIBRARIES, "train", ("a_library_that_nobody_has",))
    train.controller.form.judge()
    notice = train.widget.new.notice
    assert not train.widget.new.start_button.isEnabled()
    assert "a_library_that_nobody_has" in notice.sentence.text()
    notice.copy_button.click()
    assert QGuiApplication.clipboard().text() == 'pip install "arny-studio[train]"'


def test_that_the_command_trains_the_recipe_of_the_form(studio, train):
    fill(studio, train, lora_r=2)
    train.widget.new.command_requested.emit()
    words = shlex.split(QGuiApplication.clipboard().text())
    assert words[:4] == ["arny", "train", "--preset", "demo-tier1"]
    assert words[words.index("--data") + 1] == str(tiny_dataset(studio.workspace))
    assert "lora_r=2" in words
    assert not any(word.startswith("learning_rate") for word in words)  # as the preset says


def test_that_the_settings_of_a_run_can_be_used_again(studio, train):
    folder = finished_run(studio.workspace)
    train.controller.board.show_run(folder)
    train.widget.run.reuse_requested.emit()
    assert train.widget.is_form_shown
    recipe = train.controller.form.recipe()
    assert recipe == folder.recipe(TrainRecipe)
