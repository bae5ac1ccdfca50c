"""llama.cpp's input batch, its arrays seen through numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arny_studio.engine.llama_library import lib


class BatchRow(NamedTuple):
    """One token on its way in. `wanted_by` is the part that wants the logits after it."""

    token: int
    position: int
    sequence: int
    wanted_by: int | None


class Batch:
    """Room for `size` tokens, each of one sequence. Free it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.native = lib.llama_batch_init(size, 0, 1)
        self._token = np.ctypeslib.as_array(self.native.token, shape=(size,))
        self._pos = np.ctypeslib.as_array(self.native.pos, shape=(size,))
        self._logits = np.ctypeslib.as_array(self.native.logits, shape=(size,))
        for n in range(size):
            self.native.n_seq_id[n] = 1

    def fill(self, rows: Sequence[BatchRow]) -> None:
        """The next tokens."""
        count = len(rows)
        self.native.n_tokens = count
        self._token[:count] = [row.token for row in rows]
        self._pos[:count] = [row.position for row in rows]
        self._logits[:count] = [row.wanted_by is not None for row in rows]
        for n, row in enumerate(rows):
            self.native.seq_id[n][0] = row.sequence

    def free(self) -> None:
        """Give back the arrays."""
        lib.llama_batch_free(self.native)
