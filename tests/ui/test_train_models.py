"""The models page: what there is, folders of one's own, and a download from a Hub on the loopback interface."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from arny_studio import paths
from arny_studio.jobs.model_library import model_folders
from arny_studio.ui.train.models_page import parameters_in_words
from tests.loopback_hub import loopback_hub
from tests.tiny_models import make_tiny_base
from tests.ui.test_train_tab import opened
from tests.ui.tiny_workspace import tiny_base

pytestmark = pytest.mark.timeout(600)  # real workers on a slow, noisy machine

WAIT_MS = 150_000


@pytest.fixture
def train(studio, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "settings_dir", lambda: tmp_path / "settings")
    tab = opened(studio, qtbot)
    qtbot.mouseClick(tab.widget.models_button, Qt.MouseButton.LeftButton)
    return tab


@pytest.fixture
def hub(tmp_path, monkeypatch):
    base = make_tiny_base(tmp_path / "served", layers=1)
    with loopback_hub() as served:
        served.files = {path.name: path.read_bytes() for path in base.iterdir()}
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        yield served


def names(train):
    return [entry.name for entry in train.widget.models.model.items]


def select(train, name):
    train.widget.models.table.select_line(names(train).index(name))


def test_that_a_base_of_the_library_is_trained_with_one_click(studio, train, qtbot):
    page = train.widget.models
    tiny_base(studio.workspace)
    train.controller.models.refresh()
    qtbot.waitUntil(lambda: "tiny" in names(train), timeout=WAIT_MS)
    select(train, "tiny")
    entry = page.chosen
    assert (entry.kind, entry.form) == ("base", "32-bit")
    assert entry.parameters
    qtbot.mouseClick(page.use_button, Qt.MouseButton.LeftButton)
    assert train.widget.is_form_shown
    assert train.widget.new.sources.base_value == str(studio.workspace.models / "tiny")


def test_that_a_folder_of_ones_own_is_listed_until_it_is_forgotten(train, qtbot, tmp_path):
    page = train.widget.models
    mine = tmp_path / "elsewhere"
    make_tiny_base(mine / "my-model", layers=1)
    train.controller.models.add_folder(mine)
    qtbot.waitUntil(lambda: "my-model" in names(train), timeout=WAIT_MS)
    assert model_folders() == [mine]
    page.folder_removed.emit(str(mine))
    qtbot.waitUntil(lambda: "my-model" not in names(train), timeout=WAIT_MS)
    assert (mine / "my-model").is_dir()


def test_that_a_model_comes_from_the_hub_and_can_be_trained(studio, train, hub, qtbot):
    page = train.widget.models
    page.name.setText("owner/model")
    qtbot.mouseClick(page.get_button, Qt.MouseButton.LeftButton)
    assert not page.get_button.isEnabled()
    job = studio.jobs.jobs[-1]
    assert job.kind == "download"
    assert job.outlives_the_window
    qtbot.waitUntil(lambda: not job.is_running, timeout=WAIT_MS)
    assert job.outcome.kind == "finished", job.outcome
    qtbot.waitUntil(
        lambda: str(studio.workspace.models / "owner--model") in [e.path for e in page.model.items], timeout=WAIT_MS
    )
    assert page.get_button.isEnabled()
    assert page.notice.sentence.text() == job.outcome.sentence


def test_that_a_gated_model_says_so_and_the_download_can_go_on(studio, train, hub, qtbot):
    page = train.widget.models
    hub.refusal = (403, "GatedRepo")
    page.name.setText("owner/model")
    qtbot.mouseClick(page.get_button, Qt.MouseButton.LeftButton)
    job = studio.jobs.jobs[-1]
    qtbot.waitUntil(lambda: not job.is_running, timeout=WAIT_MS)
    assert job.outcome.kind == "failed"
    assert page.notice.sentence.text() == job.outcome.sentence
    assert page.notice.hint.text()
    hub.refusal = None
    page.notice.action_button.click()
    again = studio.jobs.jobs[-1]
    assert again is not job and again.folder == job.folder
    qtbot.waitUntil(lambda: not again.is_running, timeout=WAIT_MS)
    assert again.outcome.kind == "finished", again.outcome


def test_that_a_name_that_is_no_hub_id_is_refused(studio, train, qtbot):
    before = len(studio.jobs.jobs)
    train.widget.models.name.setText("just a name")
    train.widget.models.get_button.click()
    assert len(studio.jobs.jobs) == before
    assert "Hub id" in studio.window.messages.messages[-1].sentence


def test_that_the_licence_of_a_model_is_said_before_it_is_downloaded(train):
    page = train.widget.models
    page.name.setText("Qwen/Qwen2.5-3B")
    assert "Research" in page.licence.text()
    assert page.licence.property("role") == "warning"
    page.name.setText("Qwen/Qwen2.5-1.5B")
    assert "Apache-2.0" in page.licence.text()
    assert page.licence.property("role") == "caption"


@pytest.mark.parametrize(
    ("count", "words"), [(None, "–"), (4_456_000, "4.46 M"), (1_543_714_304, "1.54 B"), (494_032_768, "494 M")]
)
def test_that_parameters_are_short(count, words):
    assert parameters_in_words(count) == words
