"""What the machine does, sampled while something else works."""

from __future__ import annotations

import threading

from arny_studio.engine.system_sampling import sampling_system, system_now
from arny_studio.jobs.events import Event, System


def test_that_samples_come_while_the_block_runs_and_none_after():
    heard: list[Event] = []
    twice = threading.Event()

    def hear(event: Event) -> None:
        heard.append(event)
        if len(heard) >= 2:
            twice.set()

    with sampling_system(hear, period_s=0.01):
        assert twice.wait(30)
    assert all(isinstance(event, System) for event in heard)
    assert "system" not in [thread.name for thread in threading.enumerate()]


def test_that_a_sample_is_of_this_machine():
    now = system_now()
    assert 0 <= now.cpu_percent <= 100
    assert 0 < now.ram_used_bytes < now.ram_total_bytes
