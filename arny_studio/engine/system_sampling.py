"""What the machine does while a training runs, as events: CPU, RAM, and the GPUs where there is a driver to ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from arny_studio.engine.gpus import gpu_loads
from arny_studio.jobs.events import Event, System

PERIOD_S = 5.0


@contextmanager
def sampling_system(emit: Callable[[Event], None], *, period_s: float = PERIOD_S) -> Iterator[None]:
    """Emit a `System` event every `period_s` seconds until the block ends."""
    ended = threading.Event()
    psutil.cpu_percent()  # the first answer counts from the first question
    sampler = threading.Thread(target=_sample_until, args=(emit, ended, period_s), name="system", daemon=True)
    sampler.start()
    try:
        yield
    finally:
        ended.set()
        sampler.join()


def _sample_until(emit: Callable[[Event], None], ended: threading.Event, period_s: float) -> None:
    while not ended.wait(period_s):
        emit(system_now())


def system_now() -> System:
    """One sample; the CPU's share is that since the last one."""
    memory = psutil.virtual_memory()
    return System(
        cpu_percent=psutil.cpu_percent(),
        ram_used_bytes=memory.total - memory.available,
        ram_total_bytes=memory.total,
        gpus=gpu_loads(),
    )
