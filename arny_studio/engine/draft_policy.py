"""How much of a guess to feed: where it is likelier to cost time than to save it, ask the model first.

Guessing on after a doubtful choice saves a batch where the guess is right, and wastes all tokens after it where not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_NEGLIGIBLE = 0.02


class Chunk(NamedTuple):
    """A guessed choice with all that follows from it: tokens to feed, and the probability that the choice is right."""

    tokens: int
    probability: float


def batch_cost(tokens: int) -> float:
    """What a batch costs, in ms (1.5B Q4_K_M, two cores, measured: 1: 38, 8: 130, 16: 234, 32: 398, 64: 472, 96: 709).

    Small batches pay by the token, large ones are matrix products with a price of admission. Other models and machines
    cost other sums in much the same proportions.
    """
    return min(25.0 + 13 * tokens, 250 + 4.7 * tokens)


def worthwhile(chunks: Sequence[Chunk], certain: int) -> int:
    """How many of the chunks to feed after `certain` tokens, so that the expected cost until the guess ends is least.

    Where choice i fails, the model's own token is known and the guess goes on after it: a batch from i on.
    """
    count = len(chunks)
    ahead = [0.0] * (count + 1)  # expected cost once choice i is known and not yet fed
    for first in range(count - 1, -1, -1):
        ahead[first] = _best(chunks, first + 1, chunks[first].tokens, ahead)[0]
    return _best(chunks, 0, certain, ahead)[1]


def _best(chunks: Sequence[Chunk], start: int, certain: int, ahead: Sequence[float]) -> tuple[float, int]:
    """Least expected cost of a batch of `certain` tokens and chunks from `start` on, and of all after it; and its end."""
    reach, failing, tokens = 1.0, 0.0, certain
    best, best_end = batch_cost(tokens) + ahead[start], start
    for end in range(start, len(chunks)):
        failing += reach * (1 - chunks[end].probability) * ahead[end]
        reach *= chunks[end].probability
        tokens += chunks[end].tokens
        cost = batch_cost(tokens) + failing + reach * ahead[end + 1]
        if cost < best:
            best, best_end = cost, end + 1
        if reach < _NEGLIGIBLE:
            break
    return best, best_end
