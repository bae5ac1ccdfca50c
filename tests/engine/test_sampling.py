"""Choosing a token from logits."""

from __future__ import annotations

import numpy as np
import pytest

from arny_studio.engine.sampling import Sampler

LOGITS = np.array([0.0, 2.0, 2.0, -np.inf, 1.0], np.float32)


def test_that_temperature_zero_is_greedy_with_the_lowest_id_on_ties():
    assert {Sampler(seed=seed).choose(LOGITS) for seed in range(5)} == {1}


def test_that_what_is_masked_is_never_drawn_and_the_rest_is():
    sampler = Sampler(temperature=3.0, seed=1)
    assert {sampler.choose(LOGITS) for _ in range(300)} == {0, 1, 2, 4}


def test_that_the_draw_follows_the_probabilities():
    sampler = Sampler(temperature=1.0, seed=1)
    drawn = [sampler.choose(np.log(np.array([0.7, 0.2, 0.1], np.float32))) for _ in range(4000)]
    assert np.bincount(drawn) / 4000 == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


@pytest.mark.parametrize(("limits", "kept"), [({"top_k": 2}, {1, 2}), ({"top_p": 0.5}, {1, 2}), ({"top_k": 1}, {1, 2})])
def test_that_the_tail_is_cut(limits, kept):
    sampler = Sampler(temperature=1.0, seed=1, **limits)
    assert {sampler.choose(LOGITS) for _ in range(200)} <= kept


def test_that_the_same_seed_draws_the_same():
    draws = [[Sampler(temperature=1.0, seed=7).choose(LOGITS) for _ in range(1)] for _ in range(3)]
    assert draws[0] == draws[1] == draws[2]
