"""The side columns of a dataset: one numpy file each, written by a scan, mapped into memory by whoever asks.

`Columns` is what a scan saw; `LiveColumns` are the same columns for the document as it is now, edits included.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from msgspec import Struct

from arny_studio.atomic import make_folder, replaced_file
from arny_studio.dataset.duplicates import first_of_each, members_that_disagree
from arny_studio.dataset.problems import ERRORS, NOTES, WARNINGS, counts_by_kind, mask_of
from arny_studio.dataset.row_columns import CATEGORIES, DTYPES, GROUPS, RowColumns
from arny_studio.errors import BadInput, MissingFile

FORMAT = 1
_DUPLICATE, _CONTRADICTION = mask_of("duplicate"), mask_of("contradiction")


class ScanSummary(Struct, frozen=True, kw_only=True):
    """A scan in figures. A row without an error is usable; `by_kind` counts rows."""

    rows: int = 0
    usable: int = 0
    errors: int = 0  # rows with an error
    warnings: int = 0  # rows with a warning
    notes: int = 0  # rows with a note
    by_kind: dict[str, int] = {}
    imbalance: tuple[str, ...] = ()  # sentences about the file as a whole

    @property
    def has_problems(self) -> bool:
        """Whether anything graver than a note was found."""
        return bool(self.errors or self.warnings)


class ScannedState(Struct, frozen=True, kw_only=True):
    """What was scanned, and how: the same state need not be scanned again."""

    content_hash: str = ""  # of the file
    journal_bytes: int = 0  # of the unsaved edits on top
    version: int = 0
    contract: str = ""
    threshold: int = 60
    max_tokens: int | None = None
    max_characters: int | None = None
    near_duplicates: bool = False
    against: str = ""


class _About(Struct, frozen=True, kw_only=True):
    """The file `columns.json` beside the arrays."""

    format: int
    rows: int
    state: ScannedState
    vocabularies: dict[str, tuple[str, ...]]
    summary: ScanSummary


class ColumnSource(Protocol):
    """Columns over the rows of a document, whoever holds them."""

    @property
    def row_count(self) -> int: ...

    @property
    def threshold(self) -> int: ...

    def array(self, name: str) -> np.ndarray:
        """A column, (rows,); its type stands in `row_columns.DTYPES`."""
        ...

    def vocabulary(self, name: str) -> tuple[str, ...]:
        """The word of each code of a column of words."""
        ...


class Columns:
    """The columns of one scan. Row n of every array is the document's row n at that time."""

    def __init__(self, arrays: Mapping[str, np.ndarray], about: _About) -> None:
        self._arrays = arrays
        self._about = about

    @classmethod
    def made(
        cls,
        arrays: Mapping[str, np.ndarray],
        vocabularies: Mapping[str, tuple[str, ...]],
        state: ScannedState,
        *,
        imbalance: tuple[str, ...] = (),
    ) -> Columns:
        """Columns fresh from a scan; `arrays` has every name of `DTYPES`, of `GROUPS`, and `keys`."""
        summary = _summary_of(arrays["problems"], imbalance)
        about = _About(
            format=FORMAT, rows=summary.rows, state=state, vocabularies=dict(vocabularies), summary=summary
        )  # fmt: skip
        return cls(arrays, about)

    @classmethod
    def open(cls, folder: Path) -> Columns:
        """Map the columns of a scan. Raises MissingFile, or BadInput where the folder holds something else."""
        about_path = folder / "columns.json"
        if not about_path.is_file():
            raise MissingFile(f"There are no columns in {folder}.")
        try:
            about = msgspec.json.decode(about_path.read_bytes(), type=_About)
            names = ("keys", *DTYPES, *GROUPS)
            arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r" if about.rows else None) for name in names}
        except (msgspec.DecodeError, ValueError, OSError) as error:
            raise BadInput(f"The columns in {folder} cannot be read: {error}.") from error
        if about.format != FORMAT or any(len(array) != about.rows for array in arrays.values()):
            raise BadInput(f"The columns in {folder} are not whole.", hint="Scan the dataset again.")
        return cls(arrays, about)

    def save(self, folder: Path) -> None:
        """Write one file per column; `columns.json` comes last, so its presence means they are whole."""
        make_folder(folder)
        for name, array in self._arrays.items():
            np.save(folder / f"{name}.npy", array)
        with replaced_file(folder / "columns.json") as file:
            file.write(msgspec.json.encode(self._about))

    @property
    def row_count(self) -> int:
        """Rows at the time of the scan."""
        return self._about.rows

    @property
    def state(self) -> ScannedState:
        """What was scanned, and how."""
        return self._about.state

    @property
    def threshold(self) -> int:
        """Complexity from which a request goes to Tier-2."""
        return self._about.state.threshold

    @property
    def summary(self) -> ScanSummary:
        """The scan in figures."""
        return self._about.summary

    @property
    def keys(self) -> np.ndarray:
        """(rows,) int64: the document's key of each row."""
        return self._arrays["keys"]

    def array(self, name: str) -> np.ndarray:
        """A column, (rows,)."""
        return self._arrays[name]

    def vocabulary(self, name: str) -> tuple[str, ...]:
        """The word of each code of `intent`, `journey`, `style` or `execution`."""
        return self._about.vocabularies[name]


class LiveColumns:
    """The columns of a document while it is edited: a scan, and over it the rows that were looked at since.

    Duplicates and contradictions are found anew among all rows when they are asked for; near duplicates and leaks stay
    as the scan saw them. Rows nobody looked at since they were inserted count as empty.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._keys = np.asarray(columns.keys)
        self._seen: dict[int, RowColumns] = {}
        self._words = {name: {word: code for code, word in enumerate(columns.vocabulary(name))} for name in CATEGORIES}
        self._places: np.ndarray | None = None  # (rows,) int64 into the scan's arrays, -1 where it has no such row
        self._cache: dict[str, np.ndarray] = {}

    @property
    def row_count(self) -> int:
        """Rows of the document as it is now."""
        return len(self._keys)

    @property
    def threshold(self) -> int:
        """Complexity from which a request goes to Tier-2."""
        return self._columns.threshold

    @property
    def keys(self) -> np.ndarray:
        """(rows,) int64: the key of each row as shown."""
        return self._keys

    def follow(self, keys: np.ndarray) -> None:
        """The document's rows are now these, in this order."""
        self._keys = np.asarray(keys)
        self._places = None if np.array_equal(self._keys, self._columns.keys) else self._places_of(self._keys)
        self._cache.clear()

    def update(self, rows: Mapping[int, RowColumns]) -> None:
        """Rows, by key, as they read now."""
        self._seen.update(rows)
        for row in rows.values():
            for name in CATEGORIES:
                word = getattr(row, name)
                if word:
                    self._words[name].setdefault(word, len(self._words[name]))
        self._cache.clear()

    def array(self, name: str) -> np.ndarray:
        """A column over the rows as shown."""
        if self._places is None and not self._seen:
            return self._columns.array(name)
        if name not in self._cache:
            self._cache[name] = self._with_pairs(self._merged(name)) if name == "problems" else self._merged(name)
        return self._cache[name]

    def vocabulary(self, name: str) -> tuple[str, ...]:
        """The word of each code, those of edited rows included."""
        return tuple(self._words[name])

    def _merged(self, name: str) -> np.ndarray:
        if name in ("duplicate_of", "contradiction_group"):
            return self._pairs()[name]
        merged = self._taken(name)
        if name in DTYPES and self._seen:
            rows, values = self._edited(name)
            merged[rows] = values
        return merged

    def _taken(self, name: str) -> np.ndarray:
        """The scan's values in the present order; rows it never saw get an empty value."""
        scanned = self._columns.array(name)
        if self._places is None:
            return np.array(scanned)
        empty = np.array([np.nan if scanned.dtype.kind == "f" else -1 if scanned.dtype.kind == "i" else 0])
        taken = np.full(len(self._places), empty[0], scanned.dtype)
        known = self._places >= 0
        taken[known] = scanned[self._places[known]]
        return taken

    def _edited(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Rows that were looked at anew and are still there, and their values."""
        keys = np.fromiter(self._seen, np.int64, len(self._seen))
        rows = _positions(self._keys, keys)
        values: list[Any] = [getattr(row, name) for row in self._seen.values()]
        if name in CATEGORIES:
            values = [self._words[name].get(word, -1) for word in values]
        there = rows >= 0
        return rows[there], np.array(values, DTYPES[name])[there]

    def _places_of(self, keys: np.ndarray) -> np.ndarray:
        return _positions(np.asarray(self._columns.keys), keys)

    def _pairs(self) -> dict[str, np.ndarray]:
        return pair_columns(self._keys, self.array("content"), self.array("query"), self.array("label"))

    def _with_pairs(self, problems: np.ndarray) -> np.ndarray:
        kept = problems & np.uint32(~(_DUPLICATE | _CONTRADICTION) & 0xFFFFFFFF)
        return kept | pair_problems(self._pairs())


def pair_columns(keys: np.ndarray, content: np.ndarray, query: np.ndarray, label: np.ndarray) -> dict[str, np.ndarray]:
    """`duplicate_of` and `contradiction_group` of all rows, from their hashes; all arrays are (rows,)."""
    with ThreadPoolExecutor(1) as pool:  # sorting releases the GIL
        finding = pool.submit(first_of_each, content)
        disagreeing, first = members_that_disagree(query, label), finding.result()
    duplicate = np.where((first >= 0) & (first != np.arange(len(keys))), keys[first], -1)
    contradiction = np.where(disagreeing >= 0, keys[disagreeing], -1)
    return {"duplicate_of": duplicate.astype(np.int64), "contradiction_group": contradiction.astype(np.int64)}


def pair_problems(pairs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The bits, (rows,) uint32, that follow from `pair_columns`."""
    duplicate = np.where(pairs["duplicate_of"] >= 0, np.uint32(_DUPLICATE), np.uint32(0))
    return duplicate | np.where(pairs["contradiction_group"] >= 0, np.uint32(_CONTRADICTION), np.uint32(0))


def _summary_of(problems: np.ndarray, imbalance: tuple[str, ...]) -> ScanSummary:
    def rows_with(mask: int) -> int:
        return int(np.count_nonzero(problems & np.uint32(mask)))

    errors = rows_with(ERRORS)
    return ScanSummary(
        rows=len(problems), usable=len(problems) - errors, errors=errors, warnings=rows_with(WARNINGS),
        notes=rows_with(NOTES), by_kind=counts_by_kind(problems), imbalance=imbalance,
    )  # fmt: skip


def _positions(haystack: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Where each key stands in the haystack of unique keys, int64; -1 where it does not."""
    order = np.argsort(haystack, kind="stable")
    found = np.searchsorted(haystack, keys, sorter=order)
    found = np.where(found < len(haystack), found, 0)
    places = order[found] if len(haystack) else np.zeros(len(keys), np.int64)
    return np.where(haystack[places] == keys, places, -1) if len(haystack) else np.full(len(keys), -1, np.int64)
