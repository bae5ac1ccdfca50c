"""How much of a guess is fed: never more expensive, as far as the probabilities tell, than all of it or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arny_studio.engine.draft_policy import Chunk, batch_cost, worthwhile

chunks = st.lists(st.builds(Chunk, st.integers(1, 12), st.floats(0, 1)), max_size=12)


def test_that_a_sure_guess_is_fed_whole_and_a_hopeless_one_not_at_all():
    assert worthwhile([Chunk(3, 1.0)] * 20, 10) == 20
    assert worthwhile([Chunk(30, 0.01)] * 3, 10) == 0
    assert worthwhile([], 5) == 0


def test_that_a_doubtful_choice_that_fills_up_a_tile_is_fed_and_one_that_begins_another_is_not():
    assert batch_cost(16) - batch_cost(13) < batch_cost(17) - batch_cost(16)
    assert worthwhile([Chunk(3, 0.5)], 13) == 1
    assert worthwhile([Chunk(3, 0.2)], 16) == 0


def test_that_where_others_pay_for_the_batch_a_doubtful_guess_is_not_worth_its_tokens():
    doubtful = [Chunk(12, 0.8)] * 3
    assert worthwhile(doubtful, 4) > worthwhile(doubtful, 4, shared_by=16)
    assert worthwhile([Chunk(3, 1.0)] * 20, 10, shared_by=16) == 20


@given(guess=chunks, certain=st.integers(1, 60))
def test_that_it_costs_no_more_than_asking_first_or_feeding_everything_at_once(guess: list[Chunk], certain: int):
    kept = worthwhile(guess, certain)
    assert 0 <= kept <= len(guess)
    if all(chunk.probability in (0.0, 1.0) for chunk in guess):  # nothing is left to chance: only right ones are fed
        assert all(chunk.probability == 1.0 for chunk in guess[:kept])


@given(tokens=st.integers(1, 511))
def test_that_a_larger_batch_never_costs_less(tokens: int):
    assert batch_cost(tokens + 1) > batch_cost(tokens)
