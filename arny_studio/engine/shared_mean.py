"""A mean over the processes of one machine, through memory they share: no sockets, no process group."""

from __future__ import annotations

import torch
from torch import Tensor, multiprocessing

LONGEST_WAIT_S = 300


class SharedMean:
    """Made once, given to each process as it is spawned; called by all of them in the same order."""

    def __init__(self, processes: int, size: int) -> None:
        self._slots = torch.zeros(processes, size).share_memory_()
        self._barrier = multiprocessing.get_context("spawn").Barrier(processes)

    def of(self, rank: int, vector: Tensor) -> Tensor:
        """The mean of all processes' vectors: (n,) float32, n at most `size`, equal in all.

        Raises `threading.BrokenBarrierError` where another process has not come within LONGEST_WAIT_S.
        """
        length = len(vector)
        self._slots[rank, :length] = vector
        self._barrier.wait(LONGEST_WAIT_S)
        mean = self._slots[:, :length].mean(0)
        self._barrier.wait(LONGEST_WAIT_S)
        return mean
