from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton

from arny_studio.errors import BadInput, MissingExtra
from arny_studio.jobs.events import Stage
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.state import RunState
from arny_studio.recipe import DataRecipe
from arny_studio.ui.runs.log_view import LogView
from arny_studio.ui.status_bar import _jobs_in_words
from arny_studio.ui.tab import present_tabs
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.bubble import Bubble
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.message_bar import MessageBar
from arny_studio.ui.widgets.text import breakable, elided, label, plain_tooltip
from arny_studio.ui.wording import folder_in_words

HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "llama_cpp", "llguidance", "tokenizers")
HOSTILE = '<img src="file:///etc/passwd"><b>bold</b>'


def test_that_the_app_module_pulls_in_no_heavy_library_and_no_engine():
    code = (
        "import sys, arny_studio.ui.app as app, importlib\n"
        "for place in app.present_tabs(): importlib.import_module(place.package)\n"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "PySide6.QtWidgets" in loaded
    assert loaded.isdisjoint({*HEAVY, "arny_studio.engine", "arny_studio.workers"})


def test_that_a_worker_is_started_without_qt(tmp_path):
    code = (
        "import sys; sys.argv = ['app', '--worker', 'data', sys.argv[1]]\n"
        "import atexit; atexit.register(lambda: print('PySide6' in sys.modules, file=sys.stderr))\n"
        "from arny_studio.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "none")], capture_output=True, text=True)
    assert done.returncode in (1, 2)
    assert "missing_file" in done.stdout
    assert "True" not in done.stderr.split()


def test_that_a_wrong_worker_call_says_how_it_is_called():
    done = subprocess.run([sys.executable, "-m", "arny_studio", "--worker"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Usage" in done.stderr


def test_that_the_app_runs_as_a_program_and_ends_when_its_window_closes(tmp_path):
    code = (
        "import sys, asyncio\n"
        "from arny_studio.ui import app\n"
        "live = app._live\n"
        "async def close_soon(application, studio):\n"
        "    asyncio.get_running_loop().call_later(0.5, studio.window.close)\n"
        "    await live(application, studio)\n"
        "app._live = close_soon\n"
        "sys.exit(app.main(['--workspace', sys.argv[1]]))"
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "ARNY_SETTINGS": str(tmp_path / "s")}
    workspace = tmp_path / "w"
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace)], env=environment, capture_output=True, text=True, timeout=180
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "s" / "settings.json").is_file()


def test_that_a_workspace_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "arny_studio", "--workspace", str(tmp_path / "file" / "w")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_that_the_rail_has_the_tabs_that_exist_and_clicking_shows_them(studio, qtbot):
    rail = studio.window.rail
    assert [item.property("key") for item in rail._items.values()] == [place.key for place in present_tabs()]
    for key, item in rail._items.items():
        qtbot.mouseClick(item, Qt.MouseButton.LeftButton)
        assert studio.window.current == key
        assert studio.window.pages.currentWidget() is studio.window.tab(key).widget


def test_that_ctrl_and_a_number_shows_a_tab(studio, qtbot):
    studio.window.activateWindow()
    qtbot.keyClick(studio.window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert studio.window.current == studio.places[1].key


def test_that_the_session_comes_back(open_studio, qtbot, tmp_path):
    first = open_studio(tmp_path / "one")
    first.window.show_tab("evaluate")
    first.actions["theme.dark"].trigger()
    first.window.resize(900, 700)
    first.window.close()
    second = open_studio(as_last_time=True)
    assert second.workspace.root == (tmp_path / "one").resolve()
    assert second.window.current == "evaluate"
    assert second.theme.current.is_dark
    assert second.window.height() == 700


def test_that_another_workspace_gets_its_own_window(studio, qtbot, tmp_path):
    old = studio.window
    switching = asyncio.ensure_future(studio.switch_workspace(tmp_path / "other"))
    qtbot.waitUntil(switching.done, timeout=60_000)
    assert studio.window is not old
    assert studio.window.isVisible()
    assert studio.workspace.root == tmp_path / "other"
    assert studio.settings.values.recent_workspaces[0] == str(tmp_path / "other")


def test_that_a_small_window_narrows_the_rail(studio, qtbot):
    studio.window.resize(1000, 700)
    qtbot.waitUntil(lambda: studio.window.rail.is_narrow, timeout=30_000)
    studio.window.resize(1440, 900)
    qtbot.waitUntil(lambda: not studio.window.rail.is_narrow, timeout=30_000)


@pytest.mark.parametrize("size", [(1440, 900), (1000, 700)])
def test_that_every_page_fits_into_the_window(studio, qtbot, size):
    studio.window.resize(*size)
    for place in studio.places:
        studio.window.show_tab(place.key)
        qtbot.wait(0)
        assert (studio.window.width(), studio.window.height()) == size, place.key


def test_that_a_failed_job_says_why_above_the_page(studio, qtbot, tmp_path):
    studio.window.show_tab("evaluate")
    job = studio.jobs.start("data", DataRecipe(task="check", path=str(tmp_path / "none.jsonl"), title="Check"))
    with qtbot.waitSignal(job.ended, timeout=20_000):
        pass
    message = studio.window.messages.messages[0]
    assert message.level == "error"
    assert "none.jsonl" in message.sentence


def test_that_the_status_bar_follows_a_job_from_start_to_end(studio, qtbot):
    path = studio.workspace.datasets / "x.jsonl"
    assert studio.status_bar.jobs_button.text() == "No jobs running"
    job = studio.jobs.start("data", DataRecipe(task="generate", path=str(path), rows=50, title="Some rows"))
    assert studio.status_bar.jobs_button.text().startswith("Some rows")
    with qtbot.waitSignal(job.ended, timeout=20_000):
        pass
    assert studio.status_bar.jobs_button.text() == "No jobs running"
    assert path.is_file()


def test_that_a_phone_is_named_once_in_the_status_bar():
    phone = SimpleNamespace(
        kind="phone",
        title="6 GB phone",
        state=RunState(stage=Stage(name="serve", title="6 GB phone, full_local", index=2, total=2)),
    )
    assert _jobs_in_words([phone]) == "6 GB phone, full local"
    starting = SimpleNamespace(kind="phone", title="6 GB phone", state=RunState())
    assert _jobs_in_words([starting]) == "6 GB phone: starting"


def test_that_folders_are_named_from_the_workspace_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    workspace = tmp_path / "mine"
    assert folder_in_words(workspace / "datasets", workspace) == "mine › datasets"
    assert folder_in_words(tmp_path / "other", workspace) == str(Path("~", "other"))
    assert folder_in_words(tmp_path.parent, workspace) == str(tmp_path.parent)


def test_that_an_empty_log_says_whether_something_may_still_come(qtbot):
    view = LogView()
    qtbot.addWidget(view)
    view.show_state(RunState())
    assert view.placeholderText() == "Nothing was said yet."
    view.show_state(RunState(outcome=Outcome(kind="finished", sentence="Done.")))
    assert view.placeholderText() == "Nothing to report."


def test_that_closing_the_window_ends_a_job_that_would_die_with_it(studio, qtbot):
    path = studio.workspace.datasets / "x.jsonl"
    job = studio.jobs.start("data", DataRecipe(task="generate", path=str(path), rows=5_000_000, title="Many"))
    with qtbot.waitSignal(job.event_received, timeout=20_000):
        pass
    studio.window.close()
    closing = asyncio.ensure_future(studio.jobs.close())
    qtbot.waitUntil(closing.done, timeout=30_000)
    assert not job.is_running
    assert not path.exists()


def test_that_a_bug_is_told_and_the_app_goes_on(studio, qtbot, capsys):
    studio.show_bug(ZeroDivisionError("division by zero"))
    assert "division by zero" in studio.window.messages.messages[0].sentence
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert studio.window.isVisible()


@pytest.fixture
def bar(qapp, qtbot):
    made = MessageBar(ThemeSwitcher(qapp, "light"))
    qtbot.addWidget(made)
    return made


def test_that_an_error_shows_sentence_and_hint_until_it_is_dismissed(bar, qtbot):
    message = bar.show_error(BadInput("The file is broken.", hint="Take another one."))
    assert not bar.isHidden()
    texts = [found.text() for found in message.findChildren(QLabel)]
    assert {"The file is broken.", "Take another one."} <= set(texts)
    message.closed.emit()
    assert bar.messages == []
    assert bar.isHidden()
    bar.dismiss(message)


def test_that_a_missing_extra_offers_its_command_to_copy(bar, qtbot):
    message = bar.show_error(MissingExtra("torch", "train", "Training"))
    copy = next(found for found in message.findChildren(QPushButton) if "Copy" in found.text())
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == 'pip install "arny-studio[train]"'


def test_that_the_same_message_is_not_shown_twice_and_old_ones_make_room(bar):
    first = bar.show_message("error", "One.")
    assert bar.show_message("error", "One.") is first
    for sentence in ("Two.", "Three.", "Four."):
        bar.show_message("error", sentence)
    assert [message.sentence for message in bar.messages] == ["Two.", "Three.", "Four."]


def test_that_text_from_outside_is_never_rich_text(qapp, qtbot):
    bubble = Bubble("assistant", HOSTILE)
    chip = Chip(HOSTILE)
    single = label(HOSTILE, wraps=True)
    for widget in (bubble, chip, single):
        qtbot.addWidget(widget)
        labels = [widget] if isinstance(widget, QLabel) else widget.findChildren(QLabel)
        assert all(found.textFormat() == Qt.TextFormat.PlainText for found in labels)
    plain_tooltip(single, HOSTILE)
    assert "<img" not in single.toolTip()


def test_that_no_label_of_the_app_guesses_its_format(studio):
    for widget in studio.window.findChildren(QLabel):
        assert widget.textFormat() == Qt.TextFormat.PlainText or not widget.text(), widget.text()


def test_that_endless_text_is_cut_and_long_words_can_break():
    assert len(elided("x" * 10**6)) < 21_000
    assert elided("short") == "short"
    assert breakable("logistics_coordination").replace("\u200b", "") == "logistics_coordination"
    assert max(map(len, breakable("x" * 100).split("\u200b"))) <= 9


def test_that_tabs_hand_things_to_each_other(studio, tmp_path):
    from arny_studio.ui.tab import EvaluateModel

    path = tmp_path / "model.gguf"
    studio.context.go("evaluate", EvaluateModel(path=path))
    assert studio.window.current == "evaluate"
    assert studio.window.tab("evaluate").widget.setup.model.path == Path(path)


def test_that_an_empty_workspace_opens_without_asking_for_anything(studio, qtbot):
    for place in studio.places:
        studio.window.show_tab(place.key)
        qtbot.wait(50)
    assert studio.window.findChildren(QFileDialog) == []
    assert studio.window.messages.messages == []
