"""The order of rows by what is asked in them: what a sort needs of texts that no column holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import orjson

from arny_studio.dataset.row_source import RowSource
from arny_studio.dataset.text_search import SearchCancelled

_KEPT_BYTES = 60  # of each query; only rows that are alike so far are read a second time
_PERIOD_ROWS = 500


def query_of(raw: bytes, most_characters: int) -> str:
    """The last user turn in one line; of what is no conversation, the beginning of the line."""
    query = _query(raw)
    if query is None:
        return raw[:most_characters].decode("utf-8", "replace")
    return " ".join(query[: 2 * most_characters].split())[:most_characters]


def ranks_by_query(rows: RowSource, is_void: Callable[[], bool]) -> np.ndarray:
    """(rows,) int64: the place of each row's query in the alphabet, case and spacing aside; equal ones share a rank.

    Streams the rows. Raises SearchCancelled where `is_void` turned true.
    """
    keys = np.zeros(rows.row_count, dtype=f"S{_KEPT_BYTES}")
    is_cut = np.zeros(rows.row_count, dtype=bool)
    for row, raw in enumerate(rows.rows()):
        if row % _PERIOD_ROWS == 0 and is_void():
            raise SearchCancelled
        text = _comparable(raw)
        keys[row], is_cut[row] = text[:_KEPT_BYTES], len(text) > _KEPT_BYTES
    _, ranks, counts = np.unique(keys, return_inverse=True, return_counts=True)
    unsure = np.flatnonzero(is_cut & (counts[ranks] > 1))
    return _with_rests(ranks.astype(np.int64), unsure, rows, is_void)


def _with_rests(ranks: np.ndarray, unsure: np.ndarray, rows: RowSource, is_void: Callable[[], bool]) -> np.ndarray:
    """Ranks in which the rows `unsure`, whose texts go on, are told apart by the whole of them."""
    rests: list[bytes] = []
    for done, row in enumerate(unsure.tolist()):
        if done % _PERIOD_ROWS == 0 and is_void():
            raise SearchCancelled
        rests.append(_comparable(rows.raw(row))[_KEPT_BYTES:])
    if not rests:
        return ranks
    places = {rest: place for place, rest in enumerate(sorted(set(rests)), start=1)}
    rest_ranks = np.zeros(len(ranks), dtype=np.int64)  # 0: a text that ends here comes before those that go on
    rest_ranks[unsure] = [places[rest] for rest in rests]
    return np.unique(ranks * (len(places) + 1) + rest_ranks, return_inverse=True)[1].astype(np.int64)


def _query(raw: bytes) -> str | None:
    """The last user turn; None where there is no conversation."""
    try:
        turns = orjson.loads(raw)["messages"]
        texts = [turn["content"] for turn in turns if turn["role"] == "user"]
        query = texts[-1] if texts else ""
        return query if isinstance(query, str) else None
    except (ValueError, TypeError, KeyError):
        return None


def _comparable(raw: bytes) -> bytes:
    query = _query(raw)
    text = raw.decode("utf-8", "replace") if query is None else query
    return " ".join(text.split()).casefold().encode()
