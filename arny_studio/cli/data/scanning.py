"""A scan in the terminal: progress on stderr, Ctrl-C ends it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from arny_studio.dataset.columns import Columns
from arny_studio.dataset.document import Document
from arny_studio.dataset.review_columns import ReviewColumns, review_columns
from arny_studio.dataset.row_source import SourceView
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
