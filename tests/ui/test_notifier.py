"""Messages of the desktop about work that has ended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QSystemTrayIcon, QWidget

from arny_studio.jobs.outcome import Outcome
from arny_studio.ui.notifier import Notifier


class Jobs(QObject):
    job_ended = Signal(object)


@pytest.fixture
def told(qtbot, monkeypatch):
    """Jobs, a window in the background, and what the desktop was asked to show."""
    jobs, window, shown = Jobs(), QWidget(), []
    qtbot.addWidget(window)
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", staticmethod(lambda: True))
    monkeypatch.setattr(QSystemTrayIcon, "supportsMessages", staticmethod(lambda: True))
    monkeypatch.setattr(QSystemTrayIcon, "show", lambda _tray: None)
    monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda _tray, *said: shown.append(said))
    return SimpleNamespace(jobs=jobs, window=window, notifier=Notifier(jobs, window), shown=shown)


def ended(kind, outcome="finished"):
    return SimpleNamespace(kind=kind, title="Night run", outcome=Outcome(kind=outcome, sentence="137 steps."))


def test_that_the_end_of_a_training_is_told_while_nobody_looks(told):
    told.jobs.job_ended.emit(ended("train", "failed"))
    (title, sentence, icon, _) = told.shown[0]
    assert (title, sentence) == ("Night run: failed", "137 steps.")
    assert icon == QSystemTrayIcon.MessageIcon.Critical


def test_that_a_short_pass_over_data_and_a_window_that_is_looked_at_tell_nothing(told, monkeypatch):
    told.jobs.job_ended.emit(ended("data"))
    monkeypatch.setattr(told.window, "isActiveWindow", lambda: True)
    told.jobs.job_ended.emit(ended("train"))
    assert told.shown == []


def test_that_a_desktop_without_a_tray_is_no_error(told, monkeypatch):
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", staticmethod(lambda: False))
    told.jobs.job_ended.emit(ended("train"))
    assert told.shown == []
