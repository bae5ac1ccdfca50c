"""Cycles of Qt objects are collected by the GUI thread, whoever allocates."""

from __future__ import annotations

import gc
import threading
import weakref

from PySide6.QtCore import QObject

from arny_studio.ui.garbage import GuiThreadCollector


class Cycle(QObject):
    """An object that only a collection can free."""

    def __init__(self) -> None:
        super().__init__()
        self.me = self
        self.startTimer(10_000)


def test_that_another_thread_that_allocates_collects_nothing_and_the_gui_thread_does(qapp, qtbot):
    died_in: list[int] = []
    cycle = Cycle()
    weakref.finalize(cycle, lambda: died_in.append(threading.get_ident()))
    del cycle
    kept: list[list[int]] = []
    thread = threading.Thread(target=lambda: kept.extend([number] for number in range(50_000)))
    thread.start()
    thread.join()
    assert died_in == []
    qtbot.waitUntil(lambda: bool(died_in), timeout=30_000)
    assert died_in == [threading.get_ident()]


def test_that_python_collects_again_after_the_window_is_gone(qapp):
    collector = GuiThreadCollector()
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()
    gc.disable()  # as the running collector of the tests wants it
