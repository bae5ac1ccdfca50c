"""The scan: one streaming pass over all rows that makes the columns.

Rows are looked at one by one first (schema, rules, encoding, lengths); what only many rows together show (duplicates,
contradictions, leaks, imbalance) follows from the columns of hashes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec import Struct

from arny_studio.contract import Contract, load_contract
from arny_studio.dataset.columns import Columns, ScannedState, pair_columns, pair_problems
from arny_studio.dataset.content_hash import content_hash
from arny_studio.dataset.duplicates import rows_found_in
from arny_studio.dataset.imbalance import imbalance_sentences
from arny_studio.dataset.looking import CounterFactory, OnProgress, Report, Seen, ShouldStop, Wanted, look_at_all
from arny_studio.dataset.near_duplicates import comparable_text, near_groups
from arny_studio.dataset.problems import mask_of
from arny_studio.dataset.row_columns import CATEGORIES, DTYPES, Codes
from arny_studio.dataset.row_problems import Limits
from arny_studio.dataset.row_source import RowSource, SourceView


class ScanOptions(Struct, frozen=True, kw_only=True):
    """What a scan looks for. `against`: a file whose queries must not occur here."""

    contract: str = "router-v1"
    limits: Limits = Limits()
    near_duplicates: bool = False
    against: str = ""
    processes: int = 0  # 0: one for a small file, else as many as there are processors, at most four


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
    report = Report(on_progress, should_stop)
    wanted = Wanted(view, options.contract, options.limits, options.near_duplicates, count_tokens)
    seen = look_at_all(wanted, source, options.processes, report)
    arrays, vocabularies = _joined(seen, source.row_count)
    arrays["keys"] = np.asarray(source.keys)
    _add_pairs(arrays, source, seen if options.near_duplicates else [], report)
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


def scan_queries(view: SourceView, contract: str, report: Report | None = None) -> np.ndarray:
    """Only the hashes of what is asked, (rows,) uint64: what two files are compared by."""
    source = view.open()
    seen = look_at_all(Wanted(view, contract), source, 1, report or Report())
    return seen[0].arrays["query"]


def _joined(parts: list[Seen], total: int) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """The columns of all rows under one vocabulary each, whose words are in order."""
    arrays = {name: _whole(parts, [part.arrays[name] for part in parts], total) for name in DTYPES}
    vocabularies = {}
    for name in CATEGORIES:
        codes = Codes()
        for word in sorted({word for part in parts for word in part.words[name]}):
            codes[word]
        tables = [np.array([codes[word] for word in part.words[name]] + [-1], DTYPES[name]) for part in parts]
        recoded = [table[part.arrays[name]] for table, part in zip(tables, parts, strict=True)]  # -1 finds the last
        arrays[name] = _whole(parts, recoded, total)
        vocabularies[name] = codes.words
    return arrays, vocabularies


def _whole(parts: list[Seen], values: list[np.ndarray], total: int) -> np.ndarray:
    """What each part has for its rows, in the order of the rows."""
    whole = np.empty((total, *values[0].shape[1:]), values[0].dtype)
    for part, each in zip(parts, values, strict=True):
        part.placed(each, whole)
    return whole


def _add_pairs(arrays: dict[str, np.ndarray], source: RowSource, parts: list[Seen], report: Report) -> None:
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
        _whole(parts, bands, len(keys)), lambda row: comparable_text(source.raw(row)),
        on_progress=lambda done, total: report("near duplicates", done, total),
    )  # fmt: skip
    arrays["near_group"] = np.where(groups >= 0, keys[groups], -1)
    is_later = (groups >= 0) & (groups != np.arange(len(keys))) & (pairs["duplicate_of"] < 0)
    _add_bits(arrays, is_later, "near-duplicate")


def _add_bits(arrays: dict[str, np.ndarray], rows: np.ndarray, kind: str) -> None:
    arrays["problems"] |= np.where(rows, np.uint32(mask_of(kind)), np.uint32(0))
