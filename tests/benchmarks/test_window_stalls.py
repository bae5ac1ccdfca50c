"""The window while a million rows are opened, read, searched, edited and saved: no stall a person would notice.

Two things are measured between two turns of the event loop: the pause as a person meets it, which on a busy machine
has the neighbours' work in it, too, and the work of the window's own thread in it, which has not.
"""

from __future__ import annotations

import random
import sys
import time
from typing import NamedTuple

import pytest
from PySide6.QtCore import QObject, QTimer, Slot

from tests.ui.conftest import *  # noqa: F403 - the fixtures of the window's tests
from tests.ui.data_rows import decision, line_of

ROWS = 1_000_000
P99_MS, LONGEST_MS = 50, 500  # the product's aim for the longest is 200, on an idle machine
LONGEST_WORK_MS = 120  # measured: 55, the first rows and the first conversation of a document
JUMP_P95_MS = 20  # of the window's thread, so that a neighbour's work is not counted
PATIENCE_MS = 600_000


def say(text: str) -> None:
    """A figure, for whoever runs the benchmark."""
    sys.stdout.write(f"{text}\n")


class Stall(NamedTuple):
    """Pauses of the event loop beyond the timer's own, in milliseconds, and the longest work of its thread in one."""

    p99_ms: float
    longest_ms: float
    work_ms: float


class Heartbeat(QObject):
    """Measures the pauses between two turns of the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses_ms: list[float] = []
        self.work_ms: list[float] = []
        self._timer = QTimer(self)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._on_beat)

    def start(self) -> None:
        """From now on."""
        self._last, self._last_work = time.perf_counter(), time.thread_time()
        self.pauses_ms, self.work_ms = [], []
        self._timer.start()

    def stop(self, name: str) -> Stall:
        """What there was to notice since the start."""
        self._timer.stop()
        pauses = sorted(self.pauses_ms)
        stall = Stall(pauses[int(0.99 * (len(pauses) - 1))], pauses[-1], max(self.work_ms))
        figures = f"p99 {stall.p99_ms:.1f} ms, longest {stall.longest_ms:.1f} ms, of own work {stall.work_ms:.1f} ms"
        say(f"{name}: {len(pauses)} beats, {figures}")
        return stall

    @Slot()
    def _on_beat(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self.pauses_ms.append(max(0.0, 1000 * (now - self._last) - self._timer.interval()))
        self.work_ms.append(1000 * (work - self._last_work))
        self._last, self._last_work = now, work


@pytest.fixture(scope="module")
def big_file(tmp_path_factory):
    """A million rows, about 900 MB; one of them is different."""
    path = tmp_path_factory.mktemp("big") / "big.jsonl"
    lines = [
        line_of(number, f"Which museums are open on Sunday {number}?", decision(complexity_score=number % 100))
        for number in range(1000)
    ]
    block = b"\n".join(lines) + b"\n"
    with path.open("wb") as file:
        for _ in range(ROWS // 1000 - 1):
            file.write(block)
        file.write(block.replace(b"Sunday 17?", b"Sunday, the needle?"))
    yield path
    path.unlink()


@pytest.mark.benchmark
def test_that_a_million_rows_stall_nothing(studio, qtbot, big_file):
    tab = studio.window.tab("data")
    widget, controller = tab.widget, tab.controller
    studio.window.show_tab("data")
    qtbot.wait(300)
    beat = Heartbeat()
    measured = {}

    beat.start()
    controller.open_path(big_file)
    qtbot.waitUntil(lambda: widget.rows.rowCount() == ROWS, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: len(widget.inspector.editor.cards) == 3, timeout=PATIENCE_MS)
    measured["open"] = beat.stop("open")

    beat.start()
    qtbot.waitUntil(lambda: controller.desk.current.pairs is not None, timeout=PATIENCE_MS)
    measured["scan"] = beat.stop("scan")

    beat.start()
    widget.filter.search("complexity>=60 needle")
    qtbot.waitUntil(lambda: widget.rows.rowCount() < ROWS, timeout=PATIENCE_MS)
    widget.filter.search("")
    qtbot.waitUntil(lambda: widget.rows.rowCount() == ROWS, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: controller.desk.current.current_key is not None, timeout=PATIENCE_MS)
    measured["filter"] = beat.stop("filter")

    beat.start()
    widget.inspector.editor.content_edited.emit(1, "edited")
    controller.saving.save()
    qtbot.waitUntil(lambda: not controller.document.is_changed, timeout=PATIENCE_MS)
    measured["save"] = beat.stop("edit and save")

    jumps = []
    chance = random.Random(7)
    for _ in range(200):
        start = time.thread_time()
        widget.table.scrollTo(widget.rows.index(chance.randrange(ROWS), 0))
        widget.table.viewport().repaint()
        jumps.append(1000 * (time.thread_time() - start))
    p95 = sorted(jumps)[int(0.95 * len(jumps))]
    say(f"random jump and repaint: p95 {p95:.1f} ms, median {sorted(jumps)[100]:.1f} ms")

    assert {name: stall for name, stall in measured.items() if stall.work_ms > LONGEST_WORK_MS} == {}
    assert {name: stall for name, stall in measured.items() if stall.p99_ms > P99_MS} == {}
    assert {name: stall for name, stall in measured.items() if stall.longest_ms > LONGEST_MS} == {}
    assert p95 <= JUMP_P95_MS
