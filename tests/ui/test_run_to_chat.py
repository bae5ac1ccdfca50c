"""The whole way in the window: a training run, its verified Q4_K_M, and the Chat tab that answers with it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from arny_studio.recipe import Limit, ParityLimits, ParitySettings
from arny_studio.ui.export.quants_model import SIZE
from tests.ui.test_train_tab import fill, start

pytestmark = pytest.mark.timeout(600)  # three real workers on a slow, noisy machine

WORKER_MS = 150_000
# A few steps on random weights teach nothing, so only a file that is torn apart is red here.
LAX = ParityLimits(**{name: Limit(amber=0.9, red=0.95) for name in ParityLimits.__struct_fields__})


def press(button, qtbot):
    qtbot.waitUntil(lambda: button.isVisible() and button.isEnabled(), timeout=WORKER_MS)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def finished(studio, qtbot):
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=WORKER_MS)
    assert (job.outcome.kind, job.outcome.exit_code) == ("finished", 0), job.outcome
    return job


def test_that_a_run_becomes_a_verified_file_that_the_chat_answers_with(studio, qtbot):
    studio.window.show_tab("train")
    train = studio.window.tab("train")
    qtbot.waitUntil(lambda: not train.controller._background.is_busy, timeout=30_000)
    fill(studio, train, max_steps=3)
    start(studio, train, qtbot)
    trained = finished(studio, qtbot)

    press(train.widget.run.export_button, qtbot)
    export = studio.window.tab("export").widget
    form = export.form
    qtbot.waitUntil(lambda: form.chosen_run is not None and form.chosen_run.folder == trained.folder, timeout=30_000)
    form.quants.choose(("Q4_K_M",))
    form.parity.show_settings(ParitySettings(prompts=2, trainer_prompts=0, limits=LAX))
    qtbot.waitUntil(lambda: form.quants.index(0, SIZE).data() != "…", timeout=30_000)
    press(export.start_button, qtbot)
    exported = finished(studio, qtbot)
    page = export.run
    qtbot.waitUntil(lambda: len(page.prompts.model.items) == 2, timeout=30_000)
    assert page.chosen_file.name.endswith("-Q4_K_M.gguf")
    assert page.verdict.chip.text() in ("ready", "amber")
    assert page.lineage.model().rowCount() > 5

    press(page.chat_button, qtbot)
    chat = studio.window.tab("chat")
    file = exported.folder.path / page.chosen_file.artifact.path
    assert chat.widget.setup.value("tier1") == str(file)
    chat.widget.setup.show_value("tier2", "")
    chat.widget.input.setPlainText("Book a flight from Berlin to Lisbon")
    qtbot.keyClick(chat.widget.input, Qt.Key.Key_Return)
    request = chat.controller.conversation.exchanges[-1].request
    qtbot.waitUntil(lambda: not chat.controller.conversation.find(request).is_open, timeout=WORKER_MS)
    exchange = chat.controller.conversation.find(request)
    assert not exchange.is_lost
    assert exchange.replied.reply
    assert chat.controller.link.recipe.tier1 == str(file)
