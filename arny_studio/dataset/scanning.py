"""The scan: one streaming pass over all rows, in several processes, that makes the columns.

Rows are looked at one by one first (schema, rules, encoding, lengths); what only many rows together show (duplicates,
contradictions, leaks, imbalance) follows from the columns of hashes.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from arny_studio.contract import Contract, load_contract
from arny_studio.dataset.checking import CountTokens
from arny_studio.dataset.columns import Columns, ScannedState, pair_columns, pair_problems
from arny_studio.dataset.content_hash import content_hash
from arny_studio.dataset.duplicates import rows_found_in
from arny_studio.dataset.imbalance import imbalance_sentences
from arny_studio.dataset.near_duplicates import band_keys, comparable_text, near_groups
from arny_studio.dataset.page_checking import Page, PageChecker
from arny_studio.dataset.problems import mask_of
from arny_studio.dataset.row_columns import CATEGORIES, DTYPES, Codes
from arny_studio.dataset.row_problems import Limits
from arny_studio.dataset.row_source import RowSource, SourceView

_PAGE_ROWS = 4096
_ALONE_ROWS = 150_000  # fewer rows are done in the second that other processes take to start
_PARTS = 32  # per process: the last ones to end keep the others waiting
_PERIOD_S = 0.2
_STOP = -(1 << 62)  # what the count of rows done is set to where nobody wants the rest

OnProgress = Callable[[str, int, int], None]  # part of the scan, done, total
ShouldStop = Callable[[], bool]
CounterFactory = Callable[[], CountTokens]


class ScanStopped(Exception):
    """The scan was asked to end."""


class ScanOptions(Struct, frozen=True, kw_only=True):
    """What a scan looks for. `against`: a file whose queries must not occur here."""

    contract: str = "router-v1"
    limits: Limits = Limits()
    near_duplicates: bool = False
    against: str = ""
    processes: int = 0  # 0: one for a small file, else as many as there are processors, at most four


class _Part(NamedTuple):
    """The columns of some rows with their own vocabularies."""

    arrays: dict[str, np.ndarray]
    words: dict[str, tuple[str, ...]]
    bands: np.ndarray | None


def scan(
    view: SourceView,
    options: ScanOptions,
    *,
    count_tokens: CounterFactory | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Columns:
    """Look at every row. Raises ScanStopped where `should_stop` turned true, MissingFile and BadInput.

    `count_tokens` is called once in every process and must be importable there.
    """
    contract = load_contract(options.contract)
    source = view.open()
    report = _Report(on_progress, should_stop)
    parts = _parts(view, source, options, count_tokens, report)
    arrays, vocabularies = _joined(parts)
    arrays["keys"] = np.asarray(source.keys)
    _add_pairs(arrays, source, parts if options.near_duplicates else [], report)
    if options.against:
        queries = scan_queries(SourceView(path=options.against), options.contract, report)
        _add_bits(arrays, rows_found_in(arrays["query"], queries), "leak")
    imbalance = imbalance_sentences(arrays["journey"], vocabularies["journey"], contract.journeys)
    return Columns.made(arrays, vocabularies, _state(view, options, contract), imbalance=imbalance)


def _state(view: SourceView, options: ScanOptions, contract: Contract) -> ScannedState:
    return ScannedState(
        content_hash=content_hash(Path(view.path)), journal_bytes=view.journal_bytes, version=view.version,
        contract=contract.id, threshold=contract.threshold, max_tokens=options.limits.max_tokens,
        max_characters=options.limits.max_characters, near_duplicates=options.near_duplicates, against=options.against,
    )  # fmt: skip


def scan_queries(view: SourceView, contract: str, report: _Report | None = None) -> np.ndarray:
    """Only the hashes of what is asked, (rows,) uint64: what two files are compared by."""
    return _scanned(_Look(view.open(), load_contract(contract)), 0, None, report or _Report(None, None)).arrays["query"]


class _Report:
    """Tells how far it is, and ends the scan where it is no longer wanted."""

    def __init__(self, on_progress: OnProgress | None, should_stop: ShouldStop | None) -> None:
        self._on_progress = on_progress
        self._should_stop = should_stop

    def __call__(self, part: str, done: int, total: int) -> None:
        if self._should_stop is not None and self._should_stop():
            raise ScanStopped
        if self._on_progress is not None:
            self._on_progress(part, done, total)


class _Look:
    """What one process needs to look at rows."""

    def __init__(
        self, source: RowSource, contract: Contract, limits: Limits | None = None, *,
        with_bands: bool = False, count_tokens: CounterFactory | None = None,
    ) -> None:  # fmt: skip
        self.source = source
        self.with_bands = with_bands
        self.checker = PageChecker(contract, limits, count_tokens() if count_tokens is not None else None)


def _parts(
    view: SourceView, source: RowSource, options: ScanOptions, count_tokens: CounterFactory | None, report: _Report
) -> list[_Part]:
    total = source.row_count
    processes = options.processes or min(4, os.cpu_count() or 1)
    arguments = {"limits": options.limits, "with_bands": options.near_duplicates, "count_tokens": count_tokens}
    look = _Look(source, load_contract(options.contract), **arguments)
    with _no_collections():
        if processes == 1 or not total or (not options.processes and total < _ALONE_ROWS):
            return [_scanned(look, 0, total, report)]
        context = get_context("spawn")  # a fork would inherit the worker's threads and pipes
        done = context.Value("q", 0)
        step = -(-total // (processes * _PARTS))
        ranges = [(start, min(start + step, total)) for start in range(0, total, step)]
        with ProcessPoolExecutor(processes - 1, context, _begin, (view, options.contract, arguments, done)) as pool:
            try:
                return _shared(look, ranges, [pool.submit(_scan_range, *each) for each in ranges], done, report)
            except BaseException:
                done.value = _STOP
                pool.shutdown(cancel_futures=True)
                raise


def _shared(
    look: _Look, ranges: list[tuple[int, int]], futures: list[Future[_Part]], done: Synchronized, report: _Report
) -> list[_Part]:
    """The parts of all ranges in order: the children take them from the front, this process from the back."""
    total = ranges[-1][1]

    def count(_part: str, rows: int, _total: int) -> None:
        with done.get_lock():
            done.value += rows
        report("rows", min(total, done.value), total)

    own: dict[int, _Part] = {}
    for number in reversed(range(len(ranges))):
        if not futures[number].cancel():
            break
        own[number] = _scanned(look, *ranges[number], count)
        _raise_early(futures)
    _follow(futures[: len(ranges) - len(own)], done, total, report)
    return [own[number] if number in own else future.result() for number, future in enumerate(futures)]


def _raise_early(futures: Iterable[Future[_Part]]) -> None:
    """An error in a child is an error here, at once."""
    for future in futures:
        if future.done() and not future.cancelled():
            future.result()


def _follow(futures: list[Future[_Part]], done: Synchronized, total: int, report: _Report) -> None:
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, _PERIOD_S, FIRST_COMPLETED)
        _raise_early(ended)
        report("rows", min(total, done.value), total)


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
_done: Any = None


def _begin(view: SourceView, contract: str, arguments: dict[str, Any], done: Synchronized) -> None:
    """Make a child ready: it opens the rows for itself, and ends when its parent does."""
    global _look, _done
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _look, _done = _Look(view.open(), load_contract(contract), **arguments), done
    gc.disable()  # as `_no_collections`


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _scan_range(start: int, stop: int) -> _Part:
    assert _look is not None
    return _scanned(_look, start, stop, _count)


def _count(_part: str, done: int, _total: int) -> None:
    with _done.get_lock():
        if _done.value < 0:
            raise ScanStopped
        _done.value += done


def _scanned(look: _Look, start: int, stop: int | None, report: Callable[[str, int, int], None]) -> _Part:
    """Columns of a range of rows. `report` hears of the rows of each page, or of all so far where it is a `_Report`."""
    pages: list[Page] = []
    bands: list[np.ndarray] = []
    rows = look.source.rows(start, stop)
    total = (look.source.row_count if stop is None else stop) - start
    done = 0
    while page := list(islice(rows, _PAGE_ROWS)):
        pages.append(look.checker.look(page))
        if look.with_bands:
            bands.append(band_keys([comparable_text(raw) for raw in page]))
        done += len(page)
        report("rows", done if isinstance(report, _Report) else len(page), total)
    arrays, words = look.checker.columns(pages)
    return _Part(arrays, words, np.concatenate(bands) if bands else None)


def _stacked(arrays: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


def _joined(parts: list[_Part]) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """The columns of all parts under one vocabulary each."""
    arrays = {name: _stacked([part.arrays[name] for part in parts], dtype) for name, dtype in DTYPES.items()}
    vocabularies = {}
    for name in CATEGORIES:
        codes = Codes()
        recoded = []
        for part in parts:
            table = np.array([codes[word] for word in part.words[name]] + [-1], DTYPES[name])
            recoded.append(table[part.arrays[name]])  # the code -1 finds the last place
        arrays[name] = _stacked(recoded, DTYPES[name])
        vocabularies[name] = codes.words
    return arrays, vocabularies


def _add_pairs(arrays: dict[str, np.ndarray], source: RowSource, parts: list[_Part], report: _Report) -> None:
    """Duplicates, contradictions and, where bands were made, near duplicates."""
    keys = arrays["keys"]
    pairs = pair_columns(keys, arrays["content"], arrays["query"], arrays["label"])
    arrays |= pairs
    arrays["problems"] |= pair_problems(pairs)
    arrays["near_group"] = np.full(len(keys), -1, np.int64)
    bands = [part.bands for part in parts if part.bands is not None]
    if not bands:
        return
    groups = near_groups(
        np.concatenate(bands), lambda row: comparable_text(source.raw(row)),
        on_progress=lambda done, total: report("near duplicates", done, total),
    )  # fmt: skip
    arrays["near_group"] = np.where(groups >= 0, keys[groups], -1)
    is_later = (groups >= 0) & (groups != np.arange(len(keys))) & (pairs["duplicate_of"] < 0)
    _add_bits(arrays, is_later, "near-duplicate")


def _add_bits(arrays: dict[str, np.ndarray], rows: np.ndarray, kind: str) -> None:
    arrays["problems"] |= np.where(rows, np.uint32(mask_of(kind)), np.uint32(0))
