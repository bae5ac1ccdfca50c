"""The window while a million rows are opened, read, searched, edited and saved: no stall a person would notice.

Limits are those of the product on an idle machine, widened where a noisy one needs it; what was measured is printed.
"""

from __future__ import annotations

import random
import sys
import time

import pytest
from PySide6.QtCore import QObject, QTimer, Slot

from tests.ui.conftest import *  # noqa: F403 - the fixtures of the window's tests
from tests.ui.data_rows import decision, line_of

ROWS = 1_000_000
P99_MS, LONGEST_MS = 50, 500  # the product's own aim for the longest is 200, on an idle machine
JUMP_P95_MS = 20  # of the window's thread, so that a neighbour's work is not counted
PATIENCE_MS = 600_000


def say(text: str) -> None:
    """A figure, for whoever runs the benchmark."""
    sys.stdout.write(f"{text}\n")


class Heartbeat(QObject):
    """Measures the pauses between two turns of the event loop, in milliseconds beyond the timer's own."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses_ms: list[float] = []
        self._timer = QTimer(self)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._on_beat)

    def start(self) -> None:
        """From now on."""
        self._last = time.perf_counter()
        self.pauses_ms = []
        self._timer.start()

    def stop(self, name: str) -> tuple[float, float]:
        """The 99th percentile and the longest pause."""
        self._timer.stop()
        pauses = sorted(self.pauses_ms)
        p99 = pauses[int(0.99 * (len(pauses) - 1))]
        say(f"{name}: {len(pauses)} beats, p99 {p99:.1f} ms, longest {pauses[-1]:.1f} ms")
        return p99, pauses[-1]

    @Slot()
    def _on_beat(self) -> None:
        now = time.perf_counter()
        self.pauses_ms.append(max(0.0, 1000 * (now - self._last) - self._timer.interval()))
        self._last = now


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
    measured["open"] = beat.stop("open")

    beat.start()
    qtbot.waitUntil(lambda: controller.desk.current.pairs is not None, timeout=PATIENCE_MS)
    measured["scan"] = beat.stop("scan")

    beat.start()
    widget.filter.search("complexity>=60 needle")
    qtbot.waitUntil(lambda: widget.rows.rowCount() < ROWS, timeout=PATIENCE_MS)
    widget.filter.search("")
    qtbot.waitUntil(lambda: widget.rows.rowCount() == ROWS, timeout=PATIENCE_MS)
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

    assert {name: p99 for name, (p99, _) in measured.items() if p99 > P99_MS} == {}
    assert {name: most for name, (_, most) in measured.items() if most > LONGEST_MS} == {}
    assert p95 <= JUMP_P95_MS
