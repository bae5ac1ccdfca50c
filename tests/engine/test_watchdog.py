"""The memory cap of a simulated phone."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest

from arny_studio.engine import watchdog
from arny_studio.engine.watchdog import Watchdog, resident_set
from arny_studio.errors import MemoryCap


def test_that_the_resident_set_is_what_the_system_says():
    assert resident_set().total == pytest.approx(psutil.Process().memory_info().rss, rel=0.02)
    assert 0 < resident_set().mapped < resident_set().total


def test_that_it_reads_through_psutil_where_there_is_no_statm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(watchdog, "_STATM", tmp_path / "none")
    assert resident_set().total == pytest.approx(psutil.Process().memory_info().rss, rel=0.02)


def test_that_growth_over_the_cap_is_noticed_by_itself_and_told_once():
    noticed = threading.Event()
    told: list[int] = []

    def tell() -> None:
        told.append(1)
        noticed.set()

    dog = Watchdog(resident_set().total + (40 << 20), tell, period_s=0.01)
    with dog:
        dog.check()
        held = bytearray(b"x" * (120 << 20))
        assert noticed.wait(5)
        dog.look()
    assert told == [1]
    assert dog.peak > dog.cap
    with pytest.raises(MemoryCap, match="Killed by the system"):
        dog.check()
    assert len(held)


def test_that_the_peak_can_be_forgotten():
    dog = Watchdog(1 << 50, lambda: None)
    dog.peak = 1 << 40
    dog.forget_peak()
    assert dog.peak < 1 << 40
