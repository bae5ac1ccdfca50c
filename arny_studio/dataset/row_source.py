"""The rows of a dataset for a pass over all of them: as the file is, or with the window's unsaved edits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec import Struct

from arny_studio.dataset.file_bytes import FileBytes
from arny_studio.dataset.line_index import LineIndex


class RowSource(Protocol):
    """Rows by number, as shown; each has a key that it keeps when others come and go."""

    @property
    def row_count(self) -> int: ...

    @property
    def version(self) -> int: ...

    @property
    def keys(self) -> np.ndarray: ...

    def raw(self, row: int) -> bytes:
        """The bytes of a row without its line ending."""
        ...

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """A range of rows, streamed."""
        ...

    def line_number(self, row: int) -> int:
        """Line of a row in the file, from 1."""
        ...


class SourceView(Struct, frozen=True, kw_only=True):
    """Which rows are meant; small enough for a recipe. Without a journal the file as it is."""

    path: str
    journal: str = ""
    journal_bytes: int = 0
    version: int = 0

    def open(self) -> RowSource:
        """Open the rows for reading. Raises MissingFile or BadInput."""
        if not self.journal:
            return FileRows.open(Path(self.path))
        from arny_studio.dataset.document import Document, DocumentView

        return Document.open_view(DocumentView(**{name: getattr(self, name) for name in self.__struct_fields__}))


class FileRows:
    """The rows of a file as it is: no journal, no lock, nothing kept but where the lines are. Keys are row numbers."""

    version = 0

    def __init__(self, index: LineIndex) -> None:
        self._index = index

    @classmethod
    def open(cls, path: Path) -> FileRows:
        """Index a file. Raises MissingFile, or BadInput where it cannot be read."""
        return cls(LineIndex.of(FileBytes.open(path)))

    @property
    def row_count(self) -> int:
        """Lines that hold more than white space."""
        return self._index.row_count

    @property
    def keys(self) -> np.ndarray:
        """(rows,) int64."""
        return np.arange(self.row_count)

    def raw(self, row: int) -> bytes:
        """The bytes of a row without its line ending."""
        return self._index.raw(row)

    def rows(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """A range of rows, read in large blocks."""
        return self._index.rows(start, stop)

    def line_number(self, row: int) -> int:
        """Line of a row in the file, from 1."""
        return self._index.line_of(row) + 1
