"""PySide6 6.12.0 on Python 3.11 drops a reference of None on every void Qt call; after ~5,100 the process dies."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject

CALLS = 10_000


def test_that_void_qt_calls_cost_no_reference_of_none():
    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(CALLS):
        thing.setObjectName("x")
    lost = before - sys.getrefcount(None)
    assert lost < CALLS // 100, f"{lost} references of None were lost in {CALLS} calls"
