"""The content hash of a row: what reviews, splits, diffs and duplicate search know a row by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xxhash


def row_hash(raw: bytes) -> int:
    """xxh3-64 of a row's bytes without surrounding white space, so that line endings do not tell rows apart."""
    return xxhash.xxh3_64_intdigest(raw.strip())


def row_hashes(rows: Iterable[bytes], count: int = -1) -> np.ndarray:
    """The hashes of many rows, uint64 of shape (count,)."""
    return np.fromiter(map(xxhash.xxh3_64_intdigest, map(bytes.strip, rows)), dtype=np.uint64, count=count)
