"""Logits → one token: greedy, or drawn with a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Sampler:
    """Chooses tokens; the same seed and logits give the same choices. Temperature 0 is greedy (lowest id on ties)."""

    def __init__(self, *, temperature: float = 0.0, top_k: int = 0, top_p: float = 1.0, seed: int = 0) -> None:
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self._random = np.random.default_rng(seed)

    @property
    def is_greedy(self) -> bool:
        """Whether it always takes the likeliest token."""
        return self.temperature <= 0

    def choose(self, logits: NDArray[np.float32]) -> int:
        """A token id from logits of shape (vocab,); -inf marks what may not be chosen."""
        if self.is_greedy:
            return int(np.argmax(logits))
        candidates = np.arange(logits.size)
        if 0 < self.top_k < logits.size:
            candidates = np.argpartition(logits, -self.top_k)[-self.top_k :]
        order = candidates[np.argsort(-logits[candidates], kind="stable")]
        weights = softmax(logits[order].astype(np.float64) / self.temperature)
        if self.top_p < 1:
            kept = int(np.searchsorted(np.cumsum(weights), self.top_p)) + 1
            order, weights = order[:kept], weights[:kept] / weights[:kept].sum()
        return int(order[self._random.choice(order.size, p=weights)])


def softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities from logits."""
    raised = np.exp(values - np.max(values))
    return raised / raised.sum()
