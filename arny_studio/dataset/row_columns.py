"""What the column files hold of a row: names, types, and the bits of `flags`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class RowColumns(NamedTuple):
    """One row as the columns hold it. Texts become codes into a vocabulary; an empty text becomes -1."""

    row_hash: int  # xxh3 of the row's bytes
    content: int  # xxh3 of roles and texts: equal for rows that differ only in id or other keys
    query: int  # xxh3 of everything before the answer but the system's turn, case and spacing aside; 0: nothing asked
    label: int  # xxh3 of what decides the routing; 0 where there is no readable decision
    intent: str
    journey: str
    style: str
    execution: str
    journeys: int
    complexity: float  # nan where there is no decision
    confidence: float
    flags: int
    turns: int
    characters: int  # of all turns
    bytes: int
    tokens: int  # estimated where no tokenizer counted
    problems: int  # bits of `problems.KINDS`


CATEGORIES = ("intent", "journey", "style", "execution")
DTYPES: dict[str, np.dtype] = {
    name: np.dtype(kind)
    for name, kind in {
        "row_hash": "u8", "content": "u8", "query": "u8", "label": "u8",
        "intent": "i4", "journey": "i4", "style": "i4", "execution": "i4",
        "journeys": "u1", "complexity": "f4", "confidence": "f4", "flags": "u2",
        "turns": "u4", "characters": "u4", "bytes": "u4", "tokens": "u4", "problems": "u4",
    }.items()
}  # fmt: skip
GROUPS = ("duplicate_of", "near_group", "contradiction_group")  # int64 keys of the first row alike; -1: alone

FLAGS = {"routing": 1, "answers": 2, "asks": 4, "executes": 8, "reasons": 16, "several": 32}
NAN = float("nan")


class Codes(dict[str, int]):
    """A vocabulary that grows: words in the order of their codes. No text has the code -1."""

    def __init__(self) -> None:
        super().__init__({"": -1})

    def __missing__(self, word: str) -> int:
        self[word] = code = len(self) - 1
        return code

    @property
    def words(self) -> tuple[str, ...]:
        """The word of each code."""
        return tuple(self)[1:]


def new_codes() -> dict[str, Codes]:
    """An empty vocabulary for each column of words."""
    return {name: Codes() for name in CATEGORIES}


def arrays_of(fields: Sequence[str], rows: Sequence[tuple], codes: Mapping[str, Codes]) -> dict[str, np.ndarray]:
    """Rows of named values turned on their side: one array per column. The vocabularies grow as words come up."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(fields)
    return {
        name: _array_of(values, DTYPES[name], codes.get(name)) for name, values in zip(fields, columns, strict=True)
    }


def _array_of(values: Sequence, dtype: np.dtype, codes: Codes | None) -> np.ndarray:
    if codes is not None:
        return np.fromiter(map(codes.__getitem__, values), dtype, len(values))
    with np.errstate(over="ignore"):  # a confidence of 1e300 is as far out of bounds as infinity
        return np.fromiter(values, dtype, len(values))
