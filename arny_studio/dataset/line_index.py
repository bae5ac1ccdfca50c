"""Where the rows of a file lie: one pass for its newlines, eight bytes a line kept.

A row is a line that holds more than white space. Its text goes from the line's start (behind a byte order mark)
to before its line ending; whatever is no row's text (line endings, blank lines, the mark) is only ever copied.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from arny_studio.dataset.file_bytes import FileBytes

BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 512 << 10
_WALK_BYTES = 8 << 20
_NEWLINE, _SPACE, _RETURN = 10, 32, 13
_PEEK_BYTES = 256


class LineIndex:
    """The lines of a file. `row_lines` is None where no line is blank, so that row and line number are one."""

    def __init__(self, file: FileBytes, newlines: np.ndarray, row_lines: np.ndarray | None, text_start: int) -> None:
        self.file = file
        self._newlines = newlines  # (newlines,) int64: their byte offsets
        self._row_lines = row_lines  # (rows,) int64: line of each row, counted from 0
        self.text_start = text_start  # 0, or behind the byte order mark
        has_tail = file.size > (int(newlines[-1]) + 1 if len(newlines) else text_start)
        self.line_count = len(newlines) + int(has_tail)
        self.row_count = self.line_count if row_lines is None else len(row_lines)

    @classmethod
    def of(cls, file: FileBytes) -> LineIndex:
        """Index a file; about a quarter of a second per GB, with the GIL released almost throughout."""
        newlines, maybe_blank = _newlines(file)
        text_start = len(BOM) if file.read(0, len(BOM)) == BOM else 0
        index = cls(file, newlines, None, text_start)
        blank = [line for line in (0, *maybe_blank) if line < index.line_count and index._is_blank(line)]
        if blank:
            rows = np.delete(np.arange(index.line_count, dtype=np.int64), blank)
            return cls(file, newlines, rows, text_start)
        return index

    def line_of(self, row: int) -> int:
        """Line of a row, counted from 0."""
        return row if self._row_lines is None else int(self._row_lines[row])

    def line_span(self, row: int) -> tuple[int, int]:
        """Byte offsets of a row's text with its ending: from its start to the start of the next line."""
        start, stop = self._bounds(self.line_of(row))
        return start, min(stop + 1, self.file.size)

    def raw(self, row: int) -> bytes:
        """A row's text."""
        return self.file.read(*self._bounds(self.line_of(row))).removesuffix(b"\r")

    def text_span(self, row: int) -> tuple[int, int]:
        """Byte offsets of a row's text without its ending."""
        start, stop = self._bounds(self.line_of(row))
        return start, stop - (stop > start and self.file.read(stop - 1, stop) == b"\r")

    def ending(self, row: int) -> bytes:
        """A row's line ending: `\\n`, `\\r\\n`, or nothing on a last line without one."""
        start, stop = self.line_span(row)
        tail = self.file.read(max(start, stop - 2), stop)
        return next((ending for ending in (b"\r\n", b"\n", b"\r") if tail.endswith(ending)), b"")

    def usual_ending(self) -> bytes:
        """The line ending of the file's first line; `\\n` where it has none."""
        first = (
            self.file.read(max(0, int(self._newlines[0]) - 1), int(self._newlines[0]) + 1)
            if len(self._newlines)
            else b""
        )
        return b"\r\n" if first == b"\r\n" else b"\n"

    def rows(self, start: int = 0) -> Iterator[bytes]:
        """The text of every row from `start` on, read in large blocks."""
        row = start
        while row < self.row_count:
            begins, ends = self._spans_from(row)
            block, offset = self.file.read(int(begins[0]), int(ends[-1])), int(begins[0])
            for begin, end in zip((begins - offset).tolist(), (ends - offset).tolist(), strict=True):
                yield block[begin:end].removesuffix(b"\r")
            row += len(begins)

    def _spans_from(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Begins and ends of the texts of as many rows as fit a block, at least of one."""
        first = self.line_of(row)
        last = max(int(np.searchsorted(self._newlines, self._bounds(first)[0] + _WALK_BYTES)), first + 1)
        if self._row_lines is None:
            lines = np.arange(first, min(last, self.line_count))
        else:
            lines = self._row_lines[row : np.searchsorted(self._row_lines, last)]
        begins = np.full(len(lines), self.text_start, dtype=np.int64)
        ends = np.full(len(lines), self.file.size, dtype=np.int64)
        begins[lines > 0] = self._newlines[lines[lines > 0] - 1] + 1
        has_newline = lines < len(self._newlines)
        ends[has_newline] = self._newlines[lines[has_newline]]
        return begins, ends

    def _bounds(self, line: int) -> tuple[int, int]:
        start = int(self._newlines[line - 1]) + 1 if line else self.text_start
        stop = int(self._newlines[line]) if line < len(self._newlines) else self.file.size
        return start, stop

    def _is_blank(self, line: int) -> bool:
        start, stop = self._bounds(line)
        if self.file.read(start, min(stop, start + _PEEK_BYTES)).strip():
            return False
        return stop - start <= _PEEK_BYTES or not self.file.read(start, stop).strip()


def _newlines(file: FileBytes) -> tuple[np.ndarray, list[int]]:
    """Offsets of all newlines, and the lines behind one that begin with white space and so may be blank."""
    found = _Growing()
    maybe_blank: list[int] = []
    block = memoryview(bytearray(_BLOCK_BYTES))
    buffer = np.frombuffer(block, dtype=np.uint8)
    is_newline = np.empty(_BLOCK_BYTES, dtype=bool)
    offset, begins_line = 0, False
    while offset < file.size and (count := file.read_into(block, offset)):
        np.equal(buffer, _NEWLINE, out=is_newline)
        is_newline[count:] = False
        places = np.flatnonzero(is_newline)
        if begins_line and buffer[0] <= _SPACE:
            maybe_blank.append(found.count)
        inner = places[:-1] if len(places) and places[-1] == count - 1 else places
        suspects = np.flatnonzero(buffer[inner + 1] <= _SPACE)
        maybe_blank.extend((suspects + found.count + 1).tolist())
        begins_line = len(inner) < len(places)
        found.add(places + offset)
        offset += count
    return found.array(), maybe_blank


class _Growing:
    """An int64 array that grows in place, so that the index is never in memory twice."""

    def __init__(self) -> None:
        self._values = np.empty(1 << 12, dtype=np.int64)
        self.count = 0

    def add(self, values: np.ndarray) -> None:
        needed = self.count + len(values)
        if needed > len(self._values):
            self._values.resize(max(needed, len(self._values) * 3 // 2), refcheck=False)
        self._values[self.count : needed] = values
        self.count = needed

    def array(self) -> np.ndarray:
        self._values.resize(self.count, refcheck=False)
        return self._values
