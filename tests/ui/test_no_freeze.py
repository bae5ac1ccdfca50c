"""The event loop keeps beating while big things happen."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QObject, QTimer, Slot

from tests.ui.test_data_tab import decision, line_of

MOST_MS = 200
ROWS = 200_000


class Heartbeat(QObject):
    """Measures the longest pause between two turns of the event loop, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.longest_ms = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._on_beat)

    def start(self) -> None:
        """From now on."""
        self._last = time.perf_counter()
        self.longest_ms = 0.0
        self._timer.start()

    @Slot()
    def _on_beat(self) -> None:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, 1000 * (now - self._last) - self._timer.interval())
        self._last = now


@pytest.fixture(scope="module")
def big_file(tmp_path_factory):
    """200,000 rows, about 180 MB."""
    path = tmp_path_factory.mktemp("big") / "big.jsonl"
    line = line_of(1, "Which museums are open on Sunday?", decision()) + b"\n"
    with path.open("wb") as file:
        for _ in range(ROWS // 1000):
            file.write(line * 1000)
        file.write(line_of(2, "The needle", decision()) + b"\n")
    yield path
    path.unlink()


def test_that_opening_searching_and_jumping_in_a_big_file_stalls_nothing(studio, qtbot, big_file):
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    qtbot.wait(200)
    beat = Heartbeat()
    beat.start()
    tab.controller.open_path(big_file)
    qtbot.waitUntil(lambda: tab.widget.rows.rowCount() == ROWS + 1, timeout=30_000)
    stalls = {"open": beat.longest_ms}
    for line in (ROWS // 2, ROWS, 17):
        beat.start()
        tab.widget.table.select_line(line)
        qtbot.waitUntil(lambda wanted=line: tab.widget.sample.title.text() == f"Row {wanted + 1:,}")
        qtbot.wait(30)
        stalls[f"jump {line}"] = beat.longest_ms
    beat.start()
    tab.widget.filter.setText("needle")
    qtbot.waitUntil(lambda: tab.widget.rows.rowCount() == 1, timeout=60_000)
    stalls["search"] = beat.longest_ms
    assert {name: round(ms) for name, ms in stalls.items() if ms > MOST_MS} == {}
