"""Looking at every row, in several processes: each takes the next rows that nobody has, and tells at the end.

What a process saw goes to the one that asked in one piece: pieces on the way would keep both from looking.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from typing import NamedTuple

import numpy as np

from arny_studio.contract import load_contract
from arny_studio.dataset.checking import CountTokens
from arny_studio.dataset.near_duplicates import band_keys, comparable_text
from arny_studio.dataset.page_checking import Page, PageChecker
from arny_studio.dataset.row_problems import Limits
from arny_studio.dataset.row_source import RowSource, SourceView

_PAGE_ROWS = 2048  # taken in one go: few enough that the processes end together
_ALONE_ROWS = 150_000  # fewer rows are done in the second that other processes take to start
_MOST_PROCESSES = 4
_PERIOD_S = 0.2
_STOP = -(1 << 62)  # what the count of rows taken is set to where nobody wants the rest

OnProgress = Callable[[str, int, int], None]  # part of the scan, done, total
ShouldStop = Callable[[], bool]
CounterFactory = Callable[[], CountTokens]


class ScanStopped(Exception):
    """The scan was asked to end."""


class Report:
    """Tells how far it is, and ends the scan where it is no longer wanted."""

    def __init__(self, on_progress: OnProgress | None = None, should_stop: ShouldStop | None = None) -> None:
        self._on_progress = on_progress
        self._should_stop = should_stop

    def __call__(self, part: str, done: int, total: int) -> None:
        """Raises ScanStopped."""
        if self._should_stop is not None and self._should_stop():
            raise ScanStopped
        if self._on_progress is not None:
            self._on_progress(part, done, total)


class Wanted(NamedTuple):
    """Which rows are looked at, and for what; small enough to be sent to a process.

    `count_tokens` is called once in every process and must be importable there.
    """

    view: SourceView
    contract: str
    limits: Limits = Limits()
    with_bands: bool = False
    count_tokens: CounterFactory | None = None


class Seen(NamedTuple):
    """What one process saw: columns over the rows of its pages one after the other, words by vocabularies of its own."""

    pages: list[range]
    arrays: dict[str, np.ndarray]
    words: dict[str, tuple[str, ...]]
    bands: np.ndarray | None  # (rows, bands) uint64, for near duplicates

    def placed(self, values: np.ndarray, whole: np.ndarray) -> None:
        """Put values over the rows seen where they belong among all rows."""
        ends = np.cumsum([0, *map(len, self.pages)]).tolist()
        for page, (start, stop) in zip(self.pages, pairwise(ends), strict=True):
            whole[page.start : page.stop] = values[start:stop]


def look_at_all(wanted: Wanted, source: RowSource, processes: int, report: Report) -> list[Seen]:
    """Look at every row of `source`, which is `wanted.view` opened, in so many processes; 0: as are worth it.

    Raises ScanStopped where `report` does.
    """
    total = source.row_count
    count = processes or min(_MOST_PROCESSES, os.cpu_count() or 1)
    look = _Look(source, wanted)
    with _no_collections():
        if count == 1 or not total or (not processes and total < _ALONE_ROWS):
            return [look.at(_reported(_pages(total), total, report))]
        context = get_context("spawn")  # a fork would inherit the worker's threads and pipes
        taken = context.Value("q", 0)
        pool = ProcessPoolExecutor(count - 1, context, _begin, (wanted, taken))
        try:
            others = [pool.submit(_look_along, total) for _ in range(count - 1)]
            own = look.at(_watched(_free_pages(taken, total), others, taken, total, report))
            _follow(others, report, total)
            return [seen for seen in (own, *(other.result() for other in others)) if seen.pages]
        except BaseException:
            taken.value = _STOP
            raise
        finally:
            pool.shutdown(wait=False)  # they end by themselves, and nobody needs to wait for it


class _Look:
    """What one process needs to look at rows."""

    def __init__(self, source: RowSource, wanted: Wanted) -> None:
        count_tokens = wanted.count_tokens() if wanted.count_tokens is not None else None
        self._source = source
        self._with_bands = wanted.with_bands
        self._checker = PageChecker(load_contract(wanted.contract), wanted.limits, count_tokens)

    def at(self, pages: Iterable[range]) -> Seen:
        """See some pages of rows."""
        taken: list[range] = []
        seen: list[Page] = []
        bands: list[np.ndarray] = []
        for page in pages:
            rows = list(self._source.rows(page.start, page.stop))
            taken.append(page)
            seen.append(self._checker.look(rows))
            if self._with_bands:
                bands.append(band_keys([comparable_text(raw) for raw in rows]))
        arrays, words = self._checker.columns(seen)
        return Seen(taken, arrays, words, np.concatenate(bands) if bands else None)


def _pages(total: int) -> Iterator[range]:
    for start in range(0, total, _PAGE_ROWS):
        yield range(start, min(start + _PAGE_ROWS, total))


def _free_pages(taken: Synchronized, total: int) -> Iterator[range]:
    """Pages that no process has taken yet. Raises ScanStopped where the others have ended."""
    while True:
        with taken.get_lock():
            start = taken.value
            if start < 0:
                raise ScanStopped
            taken.value = start + _PAGE_ROWS
        if start >= total:
            return
        yield range(start, min(start + _PAGE_ROWS, total))


def _reported(pages: Iterable[range], total: int, report: Report) -> Iterator[range]:
    for page in pages:
        yield page
        report("rows", page.stop, total)


def _watched(
    pages: Iterable[range], others: list[Future[Seen]], taken: Synchronized, total: int, report: Report
) -> Iterator[range]:
    """Pages for this process; between them it tells how far all are, and hears at once of what went wrong elsewhere."""
    for page in pages:
        yield page
        _raise_early(others)
        report("rows", min(total - 1, taken.value), total)


def _raise_early(others: Iterable[Future[Seen]]) -> None:
    for other in others:
        if other.done():
            other.result()


def _follow(others: list[Future[Seen]], report: Report, total: int) -> None:
    """Wait for the last rows of the others."""
    waiting = set(others)
    while waiting:
        ended, waiting = wait(waiting, _PERIOD_S, FIRST_COMPLETED)
        _raise_early(ended)
        report("rows", total - 1 if waiting else total, total)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Rows hold no cycles, and a collection every few hundred of them costs a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


_look: _Look | None = None
_taken: Synchronized | None = None


def _begin(wanted: Wanted, taken: Synchronized) -> None:
    """Make a child ready: it opens the rows for itself, and ends when its parent does."""
    global _look, _taken
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _look, _taken = _Look(wanted.view.open(), wanted), taken
    gc.disable()  # as `_no_collections`


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _look_along(total: int) -> Seen:
    assert _look is not None and _taken is not None
    return _look.at(_free_pages(_taken, total))
