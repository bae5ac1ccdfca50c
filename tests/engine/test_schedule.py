"""The learning rate: the usual schedules by steps, and down to nothing where minutes end the run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.engine.schedule import TimeBudget, rate_factor


@pytest.mark.parametrize(
    "shape, name", [("linear", "linear"), ("cosine", "cosine"), ("constant", "constant_with_warmup")]
)
def test_that_by_steps_it_is_the_schedule_of_transformers(shape, name):
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = get_scheduler(name, optimizer, num_warmup_steps=5, num_training_steps=40)
    for step in range(40):
        assert rate_factor(step, total=40, warmup=5, shape=shape) == pytest.approx(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()


@given(st.integers(0, 200), st.integers(1, 100), st.integers(0, 20), st.floats(0, 1))
def test_that_the_factor_stays_between_nothing_and_the_peak(step: int, total: int, warmup: int, spent: float):
    for shape in ("linear", "cosine", "constant"):
        assert 0 <= rate_factor(step, total=total, warmup=warmup, shape=shape, spent=spent) <= 1


def test_that_time_decides_where_it_runs_out_first():
    assert rate_factor(10, total=1000, warmup=5, shape="linear", spent=0.9) == pytest.approx(0.1)
    assert rate_factor(900, total=1000, warmup=0, shape="linear", spent=0.5) == pytest.approx(0.1)
    assert rate_factor(2, total=1000, warmup=4, shape="linear", spent=0.9) == 0.5


def test_that_a_budget_counts_from_the_first_step_and_carries_what_was_used_before():
    now = [100.0]
    budget = TimeBudget(1.0, used_s=15.0, clock=lambda: now[0])
    now[0] = 500.0
    assert budget.used_s == 15.0
    budget.start()
    now[0] = 515.0
    budget.start()
    assert (budget.used_s, budget.spent) == (30.0, 0.5)
    assert budget.has_room_for(30.0)
    assert not budget.has_room_for(30.1)


def test_that_without_a_limit_time_never_runs_out():
    budget = TimeBudget(0, used_s=1e9)
    assert budget.spent == 0
    assert budget.has_room_for(1e9)
