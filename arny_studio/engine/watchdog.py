"""The memory cap of a simulated phone, enforced the way a phone does: the app over it is ended.

Looks at the resident set of this process 20 times a second. Never at PSS or USS, which charge two phones that map one
file half or nothing; never at address space, which counts what was never touched.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil
from msgspec import Struct

from arny_studio.device.policy import mib
from arny_studio.errors import MemoryCap

PERIOD_S = 0.05
_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class ResidentSet(Struct, frozen=True, kw_only=True):
    """Resident bytes of this process. `mapped` are the pages of files; 0 where the system does not tell."""

    total: int
    mapped: int

    @property
    def private(self) -> int:
        return self.total - self.mapped


def resident_set() -> ResidentSet:
    """What this process holds in RAM now."""
    if _STATM.exists():
        _size, resident, shared = _STATM.read_text(encoding="ascii").split()[:3]
        return ResidentSet(total=int(resident) * _PAGE, mapped=int(shared) * _PAGE)
    return ResidentSet(total=psutil.Process().memory_info().rss, mapped=0)


class Watchdog:
    """Watches from a thread of its own. `on_exceeded` is called once, from that thread."""

    def __init__(self, cap: int, on_exceeded: Callable[[], None], *, period_s: float = PERIOD_S) -> None:
        self.cap, self._on_exceeded, self._period_s = cap, on_exceeded, period_s
        self.peak = 0
        self.exceeded_by: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> int:
        """Take a reading now; bytes."""
        used = resident_set().total
        self.peak = max(self.peak, used)
        if used > self.cap and self.exceeded_by is None:
            self.exceeded_by = used - self.cap
            self._on_exceeded()
        return used

    def check(self) -> None:
        """Raises MemoryCap once the cap was exceeded."""
        if self.exceeded_by is not None:
            raise killed(self.cap, self.cap + self.exceeded_by)

    def forget_peak(self) -> None:
        """Count the peak from now on."""
        self.peak = resident_set().total

    def _watch(self) -> None:
        while not self._ended.wait(self._period_s):
            self.look()


def killed(cap: int, used: int) -> MemoryCap:
    """What a person reads when the phone ends the app."""
    return MemoryCap(
        f"Killed by the system: the app held {mib(used)}, this phone allows {mib(cap)}.",
        hint="Choose a shorter context or a smaller model, or raise the phone's budget.",
    )
