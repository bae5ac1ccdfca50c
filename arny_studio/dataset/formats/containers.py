"""The files in which rows come: JSONL, a JSON list, CSV, Parquet; read row by row with the place of each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
from msgspec import Struct

from arny_studio.atomic import replaced_file
from arny_studio.dataset.line_index import BOM
from arny_studio.dataset.reading import syntax_problem
from arny_studio.dataset.samples import RowProblem
from arny_studio.errors import BadInput, MissingFile

Container = Literal["jsonl", "json", "csv", "parquet"]
CONTAINERS: tuple[Container, ...] = ("jsonl", "json", "csv", "parquet")
_SUFFIXES: dict[str, Container] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"
}  # fmt: skip
_PARQUET_ROWS = 4096
_HEAD_BYTES = 1 << 16
_TURNS = frozenset(("messages", "conversations", "history", "prompt", "completion"))  # columns that may hold turns
_MORE = "more"  # the column for what does not have one


class Placed(Struct, frozen=True):
    """A row with the line (JSONL, CSV) or the number (JSON, Parquet) it has in its file, from 1."""

    line: int
    row: dict[str, Any]
    source: str  # as it is written there, for a preview; cut short where it is long


def container_of(path: Path) -> Container:
    """What kind of file this is, by its first bytes where these tell, else by its name. Raises MissingFile."""
    if not path.is_file():
        raise MissingFile(f"There is no file at {path}.")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return "parquet"
    named = _SUFFIXES.get(path.suffix.lower())
    start = head.removeprefix(BOM).lstrip()[:1]
    if start == b"[":
        return "json"
    return "jsonl" if start == b"{" or named is None else named


def container_for(path: Path) -> Container:
    """What kind of file to write under a name; JSONL where the name does not say."""
    return _SUFFIXES.get(path.suffix.lower(), "jsonl")


def read_rows(path: Path, container: Container) -> Iterator[Placed | RowProblem]:
    """Stream the rows of a file; a bad one is a problem with its place, and the rest goes on.

    Raises MissingFile, or BadInput where the file as a whole cannot be read. Parquet needs polars: in workers only.
    """
    if not path.is_file():
        raise MissingFile(f"There is no file at {path}.")
    return {"jsonl": _read_jsonl, "json": _read_json, "csv": _read_csv, "parquet": _read_parquet}[container](path)


def write_rows(path: Path, rows: Iterable[dict[str, Any]], container: Container) -> int:
    """Write rows to a file as a whole or not at all; returns how many. Parquet needs polars: in workers only."""
    return {"jsonl": _write_jsonl, "json": _write_json, "csv": _write_csv, "parquet": _write_parquet}[container](
        path, rows
    )


def _read_jsonl(path: Path) -> Iterator[Placed | RowProblem]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            raw = (line.removeprefix(BOM) if number == 1 else line).strip()
            if raw:
                yield _placed(raw, path, number)


def _placed(raw: bytes, path: Path, number: int) -> Placed | RowProblem:
    problem = syntax_problem(raw, path.name, number)
    if problem is not None:
        return problem
    value = orjson.loads(raw)
    if not isinstance(value, dict):
        return RowProblem(file=path.name, line=number, sentence="A row is a JSON object.")
    return Placed(number, value, _shown(raw))


def _read_json(path: Path) -> Iterator[Placed | RowProblem]:
    raw = path.read_bytes().removeprefix(BOM)
    try:
        values = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{path.name}:{error.lineno}:{error.colno}: this is not a JSON list: {error.msg}.") from error
    if not isinstance(values, list):
        raise BadInput(f"{path.name} is not a list of rows.")
    for number, value in enumerate(values, start=1):
        if isinstance(value, dict):
            yield Placed(number, value, _shown(orjson.dumps(value)))
        else:
            yield RowProblem(file=path.name, line=number, sentence="A row is a JSON object.")


def _read_csv(path: Path) -> Iterator[Placed | RowProblem]:
    csv.field_size_limit(1 << 30)
    begins = 1
    with path.open("r", encoding="utf-8-sig", errors="strict", newline="") as file:
        try:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter)
            names = next(reader, [])
            begins = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield _csv_row(names, cells, path, begins, delimiter)
                begins = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise BadInput(
                f"{path.name} is not UTF-8: {_place_of_byte(path, error.object[error.start])}.",
                hint="Save it as UTF-8 in the program that made it.",
            ) from error
        except csv.Error as error:
            raise BadInput(f"{path.name}:{begins}: this is not CSV: {error}.") from error


def _csv_row(names: list[str], cells: list[str], path: Path, line: int, delimiter: str) -> Placed | RowProblem:
    if len(cells) != len(names):
        sentence = f"The line has {len(cells)} cells; the head names {len(names)} columns."
        return RowProblem(file=path.name, line=line, sentence=sentence)
    return Placed(line, _from_columns(dict(zip(names, cells, strict=True))), _shown(delimiter.join(cells).encode()))


def _read_parquet(path: Path) -> Iterator[Placed | RowProblem]:
    import polars

    try:
        frame = polars.scan_parquet(path)
        names = frame.collect_schema().names()
        count = frame.select(polars.len()).collect().item()
    except polars.exceptions.PolarsError as error:
        raise BadInput(f"{path.name} cannot be read as Parquet: {str(error).splitlines()[0]}.") from error
    for start in range(0, count, _PARQUET_ROWS):
        part = frame.slice(start, _PARQUET_ROWS).collect()
        for number, values in enumerate(part.iter_rows(), start=start + 1):
            row = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            row = _from_columns(row)
            yield Placed(number, row, _shown(orjson.dumps(row, default=str)))


def _write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    with replaced_file(path) as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE, default=str))
            count += 1
    return count


def _write_json(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    with replaced_file(path) as file:
        for row in rows:
            file.write((b",\n" if count else b"[\n") + orjson.dumps(row, default=str))
            count += 1
        file.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Columns are the texts and turns of the first row; whatever has no column goes into a last one, as JSON."""
    count, names = 0, []
    with replaced_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        for columns in map(_to_columns, rows):
            if not count:
                names = [name for name in columns if name != _MORE]
                writer.writerow([*names, _MORE])
            known = {name: columns.pop(name) for name in names if name in columns}
            more = columns.pop(_MORE, {}) | columns
            writer.writerow([*(_as_cell(known.get(name, "")) for name in names), _as_cell(more) if more else ""])
            count += 1
        text.detach()
    return count


def _write_parquet(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Turns are lists of structs, as `datasets` has them; where they differ too much for that, JSON texts."""
    import polars

    columns = [
        {name: _as_cell(value) if name == _MORE else value for name, value in _to_columns(row).items()} for row in rows
    ]
    try:
        frame = polars.DataFrame(columns, infer_schema_length=None)
    except (polars.exceptions.PolarsError, TypeError):
        texts = [{name: _as_cell(value) for name, value in row.items()} for row in columns]
        frame = polars.DataFrame(texts, infer_schema_length=None)
    with replaced_file(path) as file:
        frame.write_parquet(file)
    return frame.height


def _to_columns(row: dict[str, Any]) -> dict[str, Any]:
    """A row as texts and turns; everything else together under one name."""
    fits = {name: value for name, value in row.items() if isinstance(value, str) or (name in _TURNS and value)}
    more = {name: value for name, value in row.items() if name not in fits}
    return fits | {_MORE: more} if more else fits


def _from_columns(columns: dict[str, Any]) -> dict[str, Any]:
    """A row from texts and turns. Only turns are read as JSON: an answer that is JSON stays the text it is."""
    row = {name: _turns(value) if name in _TURNS else value for name, value in columns.items()}
    more = _json(row.pop(_MORE, None))
    if more:
        row |= more if isinstance(more, dict) else {_MORE: more}
    return row


def _turns(value: Any) -> Any:
    found = _json(value) if isinstance(value, str) and value.startswith("[") else value
    if not isinstance(found, list) or not all(isinstance(turn, dict | list) for turn in found):
        return value
    # A table gives every turn the keys of all turns, those that it lacks as null.
    return [
        {name: part for name, part in turn.items() if part is not None} if isinstance(turn, dict) else turn
        for turn in found
    ]


def _json(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) and text else text
    except orjson.JSONDecodeError:
        return text


def _as_cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)


def _place_of_byte(path: Path, byte: int) -> str:
    """Where the first byte stands that is not UTF-8, in words."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"line {number}, byte {error.start + 1} (0x{line[error.start]:02x})"
    return f"byte 0x{byte:02x}"


def _shown(raw: bytes, limit: int = 4000) -> str:
    text = raw[:limit].decode("utf-8", "replace")
    return text + "…" if len(raw) > limit else text
