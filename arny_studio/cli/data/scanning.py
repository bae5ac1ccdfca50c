"""A scan in the terminal: progress on stderr, Ctrl-C ends it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console

from arny_studio.dataset.columns import Columns
from arny_studio.dataset.document import Document
from arny_studio.dataset.filtering import matching_rows
from arny_studio.dataset.query import parse
from arny_studio.dataset.review_columns import ReviewColumns, review_columns
from arny_studio.dataset.row_source import FileRows, SourceView
from arny_studio.dataset.scanning import ScanOptions, scan


def scanned(file: Path, options: ScanOptions, *, quiet: bool = False) -> Columns:
    """The columns of a file. Raises MissingFile or BadInput."""
    with Console(stderr=True, quiet=quiet).status(f"Reading {file.name}") as status:

        def report(part: str, done: int, total: int) -> None:
            counted = f"{done:,} of {total:,} rows" if part == "rows" else f"{part}, {done} of {total}"
            status.update(f"Reading {file.name}: {counted}")

        return scan(SourceView(path=str(file)), options, on_progress=report)


def reviewed(file: Path, columns: Columns) -> ReviewColumns:
    """What people said of the rows, from beside the dataset."""
    document = Document.open(file, read_only=True)
    try:
        return review_columns(document.review, columns.array("row_hash"))
    finally:
        document.close()


def rows_matching(file: Path, query: str, contract: str, *, quiet: bool = False) -> np.ndarray:
    """Numbers of the rows that a query means, int64; the keys of the file as it lies there. Raises QuerySyntax."""
    wanted = parse(query)
    columns = scanned(file, ScanOptions(contract=contract), quiet=quiet)
    return matching_rows(wanted, columns, FileRows.open(file), review=reviewed(file, columns))
