"""The order of rows by what is asked in them: what a sort needs of texts that no column holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import orjson

from arny_studio.dataset.row_source import RowSource
from arny_studio.dataset.text_search import SearchCancelled

MOST_BYTES = 60  # of a query that count; rows alike so far keep their order
_PERIOD_ROWS = 500


def query_of(raw: bytes, most_characters: int) -> str:
    """The last user turn in one line; of what is no conversation, the beginning of the line."""
    try:
        turns = orjson.loads(raw)["messages"]
        texts = [turn["content"] for turn in turns if turn["role"] == "user"]
        query = texts[-1] if texts else ""
        return " ".join(query[: 2 * most_characters].split())[:most_characters]
    except (ValueError, TypeError, KeyError, AttributeError):
        return raw[:most_characters].decode("utf-8", "replace")


def ranks_by_query(rows: RowSource, is_void: Callable[[], bool]) -> np.ndarray:
    """(rows,) int64: the place of each row's query in the alphabet, case aside; equal ones have equal ranks.

    Streams the rows. Raises SearchCancelled where `is_void` turned true.
    """
    keys = np.zeros(rows.row_count, dtype=f"S{MOST_BYTES}")
    for row, raw in enumerate(rows.rows()):
        if row % _PERIOD_ROWS == 0 and is_void():
            raise SearchCancelled
        keys[row] = query_of(raw, MOST_BYTES).casefold().encode()
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)
