"""How much of a guess to feed: where it is likelier to cost time than to save it, ask the model first.

Guessing on after a doubtful choice saves a batch where the guess is right, and wastes all tokens after it where not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_NEGLIGIBLE = 0.02
_LEAST_TILED, _TILE = 8, 16  # of ggml's matrix products over K-quants


class Chunk(NamedTuple):
    """A guessed choice with all that follows from it: tokens to feed, and the probability that the choice is right."""

    tokens: int
    probability: float


def batch_cost(tokens: int, shared_by: int = 1) -> float:
    """What a batch costs, in ms (1.5B Q4_K_M, two cores; measured, CPU time halved: 1: 29, 4: 94, 7: 155, 8: 223,
    16: 240, 17: 297, 32: 342, 33: 418, 48: 463; 64: 472 and 96: 709 by the clock).

    Below eight tokens llama.cpp multiplies token by token. From there on it unpacks the weights once, which is the price
    of admission, and works in tiles of sixteen tokens: those that fill up the last tile are all but free. Other models
    and machines cost other sums in much the same proportions. Of a batch that is `shared_by` several decisions, one has
    to bear its share of the admission, and every token of its own in full.
    """
    if shared_by > 1:
        return 140 / shared_by + (58 / _TILE + 2.6) * tokens
    if tokens < _LEAST_TILED:
        return 14 + 20.5 * tokens
    return 140 + 58 * -(-tokens // _TILE) + 2.6 * tokens


def worthwhile(chunks: Sequence[Chunk], certain: int, shared_by: int = 1) -> int:
    """How many of the chunks to feed after `certain` tokens, so that the expected cost until the guess ends is least.

    Where choice i fails, the model's own token is known and the guess goes on after it: a batch from i on.
    """
    count = len(chunks)
    ahead = [0.0] * (count + 1)  # expected cost once choice i is known and not yet fed
    for first in range(count - 1, -1, -1):
        ahead[first] = _best(chunks, first + 1, chunks[first].tokens, ahead, shared_by)[0]
    return _best(chunks, 0, certain, ahead, shared_by)[1]


def _best(
    chunks: Sequence[Chunk], start: int, certain: int, ahead: Sequence[float], shared_by: int
) -> tuple[float, int]:
    """Least expected cost of a batch of `certain` tokens and chunks from `start` on, and of all after it; and its end."""
    reach, failing, tokens = 1.0, 0.0, certain
    best, best_end = batch_cost(tokens, shared_by) + ahead[start], start
    for end in range(start, len(chunks)):
        failing += reach * (1 - chunks[end].probability) * ahead[end]
        reach *= chunks[end].probability
        tokens += chunks[end].tokens
        cost = batch_cost(tokens, shared_by) + failing + reach * ahead[end + 1]
        if cost < best:
            best, best_end = cost, end + 1
        if reach < _NEGLIGIBLE:
            break
    return best, best_end
