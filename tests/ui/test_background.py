"""Work off the event loop."""

from __future__ import annotations

import threading
from functools import partial

import pytest
import shiboken6
from PySide6.QtCore import QObject

from arny_studio.ui.background import Background

WAIT_MS = 30_000


@pytest.fixture
def background(qapp, qtbot):
    made = Background(pytest.fail)
    yield made
    qtbot.waitUntil(lambda: not made.is_busy, timeout=WAIT_MS)


def test_that_what_waits_for_something_slow_keeps_nothing_quick_waiting(background, qtbot):
    may_end, answers = threading.Event(), []
    try:
        for number in range(6):
            background.run(f"slow {number}", partial(may_end.wait, 30), answers.append)
        background.run("quick", lambda: "read", answers.append)
        qtbot.waitUntil(lambda: bool(answers), timeout=WAIT_MS)
        assert answers == ["read"]
    finally:
        may_end.set()
    qtbot.waitUntil(lambda: len(answers) == 7, timeout=WAIT_MS)


def test_that_only_the_newest_answer_on_a_topic_is_delivered(background, qtbot):
    may_end, answers = threading.Event(), []
    background.run("search", lambda: may_end.wait(30) and "old", answers.append)
    background.run("search", lambda: "new", answers.append)
    may_end.set()
    qtbot.waitUntil(lambda: not background.is_busy, timeout=WAIT_MS)
    assert answers == ["new"]


class Receiver(QObject):
    """A controller whose window may be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[object] = []

    def take(self, answer: object) -> None:
        self.answers.append(answer)


@pytest.mark.parametrize("is_partial", [False, True])
def test_that_an_answer_for_a_window_that_was_closed_is_dropped(background, qtbot, is_partial):
    gone, there = Receiver(), Receiver()
    for receiver in (gone, there):
        take = partial(receiver.take) if is_partial else receiver.take
        background.run(f"topic of {id(receiver)}", lambda: "answer", take)
    shiboken6.delete(gone)
    qtbot.waitUntil(lambda: not background.is_busy, timeout=WAIT_MS)
    assert (gone.answers, there.answers) == ([], ["answer"])
