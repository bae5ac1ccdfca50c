"""`arny data find`: the rows that a query means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson
import typer

from arny_studio.cli.data.options import AsJson, ContractName, File
from arny_studio.cli.data.scanning import reviewed, scanned
from arny_studio.dataset.edit_provenance import OriginLog
from arny_studio.dataset.filtering import matching_rows
from arny_studio.dataset.query import parse
from arny_studio.dataset.review import ReviewBook
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_source import FileRows
from arny_studio.dataset.scanning import ScanOptions
from arny_studio.dataset.sidecar import Sidecar


def find(
    file: File,
    query: Annotated[
        str, typer.Argument(help='As in the search field: `role:user paris`, `journey:hotel complexity>=60`, `"a b"`.')
    ],
    contract: ContractName = "router-v1",
    count: Annotated[bool, typer.Option("--count", help="Print only how many there are.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Print at most so many rows; 0: all of them.")] = 0,
    near: Annotated[
        bool, typer.Option("--near", help="Also look for near duplicates, for problem:near-duplicate.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the rows that match, byte for byte, one a line; the number of rows goes to stderr.

    With --json every row is an object with its line number, its text, how it was judged and where it comes from.
    """
    wanted = parse(query)
    columns = scanned(file, ScanOptions(contract=contract, near_duplicates=near), quiet=as_json)
    rows, told = FileRows.open(file), _Told(file)
    found = matching_rows(wanted, columns, rows, review=reviewed(file, columns))
    if count:
        print(orjson.dumps({"rows": len(found), "total": columns.row_count}).decode() if as_json else len(found))
        return
    for row in found.tolist()[: limit or None]:
        raw = rows.raw(row)
        line = {"line": rows.line_number(row), "row": raw.decode("utf-8", "replace")} | told.of(raw)
        sys.stdout.buffer.write((orjson.dumps(line) if as_json else raw) + b"\n")
    sys.stdout.buffer.flush()
    sys.stderr.write(f"{len(found):,} of {columns.row_count:,} rows\n")


class _Told:
    """What lies beside a dataset about its rows."""

    def __init__(self, file: Path) -> None:
        sidecar = Sidecar(file)
        self._reviews = ReviewBook(sidecar.reviews, read_only=True)
        self._origins = OriginLog(sidecar.origins, read_only=True)

    def of(self, raw: bytes) -> dict[str, Any]:
        """Review and provenance of a row; neither where nothing is known."""
        content = row_hash(raw)
        said = msgspec.to_builtins(self._reviews.get(content))
        provenance = said.pop("provenance", {}) | self._origins.of(content)
        return {name: value for name, value in (("review", said), ("provenance", provenance)) if value}
