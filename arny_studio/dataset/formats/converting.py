"""Recognising a file's format, showing what would become of its first rows, and converting it as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from arny_studio.dataset.formats.containers import Container, Placed, container_for, container_of, read_rows, write_rows
from arny_studio.dataset.formats.shapes import SHAPES, Shape, ShapeError, fitting, shape_ids, shape_of
from arny_studio.dataset.samples import RowProblem
from arny_studio.errors import BadInput, BadRecipe

_LOOKED_AT = 50
_KEPT_PROBLEMS = 1000
_REPORT_EVERY = 1000
_TITLES: dict[Container, str] = {"jsonl": "JSONL", "json": "JSON list", "csv": "CSV", "parquet": "Parquet"}

OnRows = Callable[[int], None]  # rows done


class Detected(Struct, frozen=True, kw_only=True):
    """What a file turned out to be. `shape` is empty where no row is of a known shape."""

    container: Container
    shape: str
    columns: tuple[str, ...]  # keys of the first readable row
    sentence: str

    @property
    def opens_in_place(self) -> bool:
        """Whether it can be edited as it is, without a conversion."""
        return self.container == "jsonl" and self.shape == "messages"


class Preview(Struct, frozen=True, kw_only=True):
    """A row as it is and as it would become."""

    line: int
    source: str
    row: dict[str, Any] | None
    problem: RowProblem | None = None


class ConvertReport(Struct, frozen=True, kw_only=True):
    """What a conversion did. Rows that could not be converted are not in the target."""

    path: Path
    written: int
    left_out: int
    problems: tuple[RowProblem, ...]  # the first thousand
    sentence: str


def detect(path: Path) -> Detected:
    """Recognise a file by its first rows. Raises MissingFile, or BadInput where it cannot be read."""
    container = container_of(path)
    rows = [item.row for item in islice(read_rows(path, container), _LOOKED_AT) if isinstance(item, Placed)]
    shape = fitting(iter(rows))
    columns = tuple(rows[0])[:20] if rows else ()
    if shape is not None:
        sentence = f"{_TITLES[container]} with {shape.title}."
    elif rows:
        sentence = f"{_TITLES[container]} without a known form; its rows have {', '.join(columns)}."
    else:
        sentence = f"{_TITLES[container]} without a readable row."
    return Detected(container=container, shape=shape.id if shape else "", columns=columns, sentence=sentence)


def preview(path: Path, count: int = 5, *, shape: str = "", to: str = "messages") -> list[Preview]:
    """What the first rows would become; nothing is written. `shape` empty: as detected."""
    convert = _conversion(path, shape, to)
    found = []
    for item in islice(read_rows(path, container_of(path)), count):
        if isinstance(item, RowProblem):
            found.append(Preview(line=item.line, source="", row=None, problem=item))
            continue
        made = convert(item)
        is_bad = isinstance(made, RowProblem)
        found.append(
            Preview(line=item.line, source=item.source, row=None if is_bad else made, problem=made if is_bad else None)
        )
    return found


def convert_file(
    source: Path, target: Path, *, shape: str = "", to: str = "messages", on_progress: OnRows | None = None
) -> ConvertReport:
    """Convert a file to another shape and, by the target's name, to JSONL, JSON, CSV or Parquet.

    Raises BadInput where the source has no known shape or no row could be converted; the target is whole or absent.
    """
    if target.exists() and target.samefile(source):
        raise BadRecipe("The target of a conversion is another file than its source.")
    problems: list[RowProblem] = []
    left_out = 0

    def note(problem: RowProblem) -> None:
        nonlocal left_out
        left_out += 1
        if len(problems) < _KEPT_PROBLEMS:
            problems.append(problem)

    rows = _converted(source, _conversion(source, shape, to), note, on_progress)
    first = next(rows, None)
    if first is None:
        reason = f" The first: {problems[0]}" if problems else ""
        raise BadInput(f"No row of {source.name} could be converted.{reason}")
    written = write_rows(target, _chained(first, rows), container_for(target))
    sentence = f"{written:,} rows written to {target.name}"
    sentence += f"; {left_out:,} could not be converted." if left_out else "."
    return ConvertReport(path=target, written=written, left_out=left_out, problems=tuple(problems), sentence=sentence)


def _conversion(path: Path, shape: str, to: str) -> Callable[[Placed], dict[str, Any] | RowProblem]:
    shape = shape or detect(path).shape
    if not shape:
        known = ", ".join(shape.title for shape in SHAPES)
        raise BadInput(f"{path.name} has none of the known forms: {known}.", hint="Rename its columns accordingly.")
    for name in (shape, to):
        if name not in shape_ids():
            raise BadRecipe(f"There is no format {name!r}.", hint=f"Known: {', '.join(shape_ids())}.")
    return _Conversion(path.name, shape_of(shape), shape_of(to))


class _Conversion:
    def __init__(self, file: str, source: Shape, target: Shape) -> None:
        self._file = file
        self._source = source
        self._target = target

    def __call__(self, item: Placed) -> dict[str, Any] | RowProblem:
        try:
            if not self._source.fits(item.row):
                raise ShapeError("$", f"The row is not of the form {self._source.title} (it has {_names(item.row)}).")
            return self._target.from_messages(self._source.to_messages(item.row))
        except ShapeError as error:
            return RowProblem(file=self._file, line=item.line, path=error.path, sentence=error.sentence, rule="shape")


def _converted(
    source: Path,
    convert: Callable[[Placed], dict[str, Any] | RowProblem],
    note: Callable[[RowProblem], None],
    on_progress: OnRows | None,
) -> Iterator[dict[str, Any]]:
    for count, item in enumerate(read_rows(source, container_of(source)), start=1):
        made = item if isinstance(item, RowProblem) else convert(item)
        if isinstance(made, RowProblem):
            note(made)
        else:
            yield made
        if on_progress and count % _REPORT_EVERY == 0:
            on_progress(count)


def _chained(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _names(row: dict[str, Any]) -> str:
    return ", ".join(list(row)[:6]) or "nothing"
