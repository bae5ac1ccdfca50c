"""Every problem of a scanned dataset in sentences, row by row: only rows that a scan marked are looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import CountTokens
from arny_studio.dataset.columns import Columns
from arny_studio.dataset.problems import PAIR_KINDS, kind_of, mask_of
from arny_studio.dataset.row_problems import RowExaminer
from arny_studio.dataset.row_source import RowSource
from arny_studio.dataset.samples import RowProblem
from arny_studio.dataset.scanning import ScanOptions

_GROUP_OF = {"duplicate": "duplicate_of", "near-duplicate": "near_group", "contradiction": "contradiction_group"}
_SAID = {
    "duplicate": "The same conversation stands in line {line}.",
    "near-duplicate": "Almost the same text stands in line {line}.",
    "contradiction": "The same query is decided differently elsewhere; it first stands in line {line}.",
    "leak": "The same query occurs in {against}.",
}


def listed_problems(
    source: RowSource,
    columns: Columns,
    options: ScanOptions,
    *,
    file: str = "",
    kinds: int = 0xFFFFFFFF,
    count_tokens: CountTokens | None = None,
) -> Iterator[RowProblem]:
    """The problems whose kind is in the mask `kinds`, in the order of the rows. The other arguments are the scan's."""
    examiner = RowExaminer(load_contract(options.contract), options.limits, count_tokens)
    problems = columns.array("problems")
    own = ~mask_of(*PAIR_KINDS)
    places = _Places(source)
    for row in np.flatnonzero(problems & np.uint32(kinds)).tolist():
        line, mask = source.line_number(row), int(problems[row])
        if mask & own & kinds:
            found = examiner.problems_of(source.raw(row), file=file, line=line)
            yield from (problem for problem in found if kind_of(problem.rule).mask & kinds)
        for name in PAIR_KINDS:
            if mask & kinds & mask_of(name):
                yield _pair_problem(name, columns, row, places, file, line, options.against)


class _Places:
    """Lines of rows by key."""

    def __init__(self, source: RowSource) -> None:
        self._source = source
        self._rows: dict[int, int] | None = None

    def line_of(self, key: int) -> int:
        if self._rows is None:
            self._rows = {int(key): row for row, key in enumerate(self._source.keys)}
        return self._source.line_number(self._rows[key])


def _pair_problem(
    name: str, columns: Columns, row: int, places: _Places, file: str, line: int, against: str
) -> RowProblem:
    first = places.line_of(int(columns.array(_GROUP_OF[name])[row])) if name in _GROUP_OF else 0
    sentence = _SAID[name].format(line=f"{first:,}", against=Path(against).name)
    severity = kind_of(name).severity
    return RowProblem(file=file, line=line, rule=name, severity=severity, sentence=sentence)
