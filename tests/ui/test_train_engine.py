"""Another Python that trains: named, asked, remembered, and used."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtGui import QGuiApplication

from arny_studio import extras
from tests.ui.test_train_tab import fill, opened

pytestmark = pytest.mark.timeout(600)  # real workers on a slow, noisy machine

ASK_MS = 150_000


@pytest.fixture
def train(studio, qtbot):
    return opened(studio, qtbot)


def choose_engine(train, engine):
    editor = train.widget.new.form.editors["engine"]
    editor._input.choose(engine)


def name_python(train, path):
    card = train.widget.new.engine
    card.python.setText(str(path))
    card.edited.emit()
    return card


def test_that_the_card_is_there_only_where_an_interpreter_matters(studio, train):
    fill(studio, train)
    assert train.widget.new.engine.isHidden()
    choose_engine(train, "unsloth")
    assert train.widget.new.engine.isVisible()
    assert not train.widget.new.start_button.isEnabled()
    assert "environment of its own" in train.widget.new.start_button.toolTip()
    choose_engine(train, "trl")
    assert train.widget.new.engine.isHidden()
    assert train.widget.new.start_button.isEnabled()


def test_that_a_python_without_unsloth_says_what_it_lacks_and_the_command_that_adds_it(studio, train, qtbot):
    fill(studio, train)
    choose_engine(train, "unsloth")
    card = name_python(train, sys.executable)
    card.ask_button.click()
    qtbot.waitUntil(lambda: "lacks" in card.notice.sentence.text(), timeout=ASK_MS)
    assert "unsloth" in card.notice.sentence.text()
    card.notice.action_button.click()
    assert "pip install" in QGuiApplication.clipboard().text()
    assert "lacks" in train.widget.new.start_button.toolTip()


def test_that_a_python_that_is_not_there_is_said(studio, train, qtbot, tmp_path):
    fill(studio, train)
    choose_engine(train, "unsloth")
    card = name_python(train, tmp_path / "no-python")
    card.ask_button.click()
    qtbot.waitUntil(lambda: "There is no Python" in card.notice.sentence.text(), timeout=ASK_MS)


def test_that_the_python_is_remembered_and_starts_the_trainings(studio, train, monkeypatch):
    monkeypatch.setitem(extras.LIBRARIES, "train", ("a_library_that_nobody_has",))
    fill(studio, train)
    assert not train.widget.new.start_button.isEnabled()  # our own Python lacks it
    name_python(train, sys.executable)
    assert train.widget.new.start_button.isEnabled()  # for another one that is for its worker to find out
    assert studio.settings.values.training_python == sys.executable
    assert studio.jobs.pythons["train"] == sys.executable
