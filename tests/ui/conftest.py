"""The app in tests: offscreen, its asyncio loop inside Qt's, a workspace of its own, real workers."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest
import qasync
from PySide6.QtCore import QCoreApplication, QEvent

from arny_studio.ui.app import Studio, build_studio
from arny_studio.ui.garbage import GuiThreadCollector
from tests.ui.data_rows import four_rows, opened_in

SHUT_MS = 120_000  # the background may be waiting for a child process, on a machine with much else to do
# The offscreen platform says these when a popup opens; they are no fault of ours.
PLATFORM_CHATTER = ("This plugin does not support", "propagateSizeHints")


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore(*PLATFORM_CHATTER, extend=True))


@pytest.fixture(scope="package", autouse=True)
def _one_thread_collects(qapp):
    """As in the app: no other thread may collect widgets. What earlier tests have loaded is not looked at again."""
    gc.collect()
    gc.freeze()
    collector = GuiThreadCollector()
    yield
    collector.stop()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _widgets_die_with_their_test():
    yield
    gc.collect()


@pytest.fixture
def qt_loop(qapp):
    """asyncio's loop inside Qt's: coroutines run while a test waits for something."""
    loop = qasync.QEventLoop(qapp, already_running=True)
    asyncio.set_event_loop(loop)
    yield loop
    # Not loop.stop(): it calls QApplication.exit, after which no test could wait for anything any more.
    loop._QEventLoop__is_running = False
    asyncio.events._set_running_loop(None)
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def open_studio(qapp, qtbot, qt_loop, tmp_path):
    """A function that opens the app on a workspace; what is still running at the end is closed."""
    opened: list[Studio] = []

    def open_one(root: Path | None = None, *, as_last_time: bool = False) -> Studio:
        studio = build_studio(qapp, None if as_last_time else root or tmp_path / "workspace")
        opened.append(studio)
        studio.window.show()
        qtbot.waitExposed(studio.window)
        return studio

    yield open_one
    for studio in opened:
        shut(studio, qtbot)


@pytest.fixture
def studio(open_studio):
    """The app on an empty workspace."""
    return open_studio()


@pytest.fixture
def dataset(tmp_path):
    """A file of four rows: fine, a rule broken, not JSON, fine with an umlaut."""
    path = tmp_path / "four.jsonl"
    path.write_bytes(four_rows())
    return path


@pytest.fixture
def opened(studio, qtbot, dataset):
    """The Data tab with those four rows."""
    return opened_in(studio, qtbot, dataset)


def shut(studio: Studio, qtbot) -> None:
    """Close the window and wait until its workers have ended and its background work is done."""
    studio.window.close()
    closing = asyncio.ensure_future(studio.jobs.close())
    qtbot.waitUntil(closing.done, timeout=SHUT_MS)
    for place in studio.places:
        background = getattr(studio.window.tab(place.key).controller, "_background", None)
        if background is not None:
            qtbot.waitUntil(lambda busy=background: not busy.is_busy, timeout=SHUT_MS)
    studio.window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
