"""Writing a document's rows over its file: untouched bytes stay as they are, and the file is whole at every moment.

The new file is written beside the old one, flushed, then renamed over it, and the folder flushed. Between two edited
rows everything is copied as bytes: line endings, blank lines, the byte order mark, a missing final newline.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xxhash
from msgspec import Struct

from arny_studio.atomic import sync_folder
from arny_studio.dataset.line_index import LineIndex
from arny_studio.dataset.row_state import FrozenRows
from arny_studio.dataset.text_store import AS_OPENED, TextStore
from arny_studio.errors import ArnyError, BadInput, DiskFull

UNFINISHED_SUFFIX = ".saving"
_COPY_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

OnBytes = Callable[[int, int], None]  # bytes written, bytes in all


class OutsideChange(ArnyError):
    """Another program changed the file since it was opened or saved here; nothing was written.

    What can be done: save with `on_outside="keep_mine"` (not where it `is_in_place`: the rows not edited here are
    lost then), `outside_changes.take_theirs`, `outside_changes.merged`, or `save_as`.
    """

    def __init__(self, path: Path, *, found_hash: str | None, is_in_place: bool = False) -> None:
        self.found_hash = found_hash  # content hash of what lies there now; None where nothing does
        self.is_gone = is_gone = found_hash is None
        self.is_in_place = is_in_place
        happened = "is gone: it was removed or renamed" if is_gone else "was changed by another program"
        super().__init__(
            f"{path.name} {happened} since it was opened here; nothing was written.",
            hint="Write it again with your rows, or save under another name."
            if is_gone
            else "Keep your version, take theirs, merge the two by row, or save under another name.",
        )


class Span(Struct, frozen=True):
    """Bytes of the opened file that stay as they are."""

    start: int
    stop: int


Piece = Span | bytes
Plan = Callable[[], Iterator[Piece]]  # asked twice: for the size, and to write


class Written(Struct, frozen=True):
    """A file written beside its final name: whole, flushed and not yet renamed."""

    temporary: Path
    size: int
    content_hash: str


def pieces(index: LineIndex, rows: FrozenRows, texts: TextStore) -> Iterator[Piece]:
    """What the file consists of once the rows are as given: spans of the opened file and new bytes, in order."""
    cursor = 0
    for row, is_kept, text, inserted in _touched_rows(index.row_count, rows):
        if row >= 0:
            start, stop = index.text_span(row)
            _, line_stop = index.line_span(row)
            if not is_kept:
                yield Span(cursor, start)
                cursor = line_stop
            elif text != AS_OPENED:
                yield Span(cursor, start)
                yield texts.get(text)
                cursor = stop
        if inserted:
            behind = index.text_start if row < 0 else index.line_span(row)[1]
            yield Span(cursor, behind)
            yield from _inserted_lines(index, row, map(texts.get, inserted))
            cursor = behind
    yield Span(cursor, index.file.size)


def size_of(plan: Plan) -> int:
    """Bytes of the file that the pieces make."""
    return sum(part.stop - part.start if isinstance(part, Span) else len(part) for part in plan())


@contextmanager
def written_beside(
    target: Path, index: LineIndex, plan: Plan, *, kept_in: str, on_progress: OnBytes | None = None
) -> Iterator[Written]:
    """The new file, written and flushed beside `target`, removed at the end of the block unless it was renamed.

    `kept_in` says where the edits are, for the message. Raises DiskFull with the number of bytes that are missing, and
    BadInput where the folder cannot be written; `target` is untouched either way.
    """
    size = size_of(plan)
    try:
        missing = size - _free_bytes(target.parent)
        if missing > 0:
            raise _disk_full(target, missing, kept_in)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=UNFINISHED_SUFFIX, dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error, kept_in) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=_COPY_BYTES) as file:
            digest = _write(file.fileno(), file.write, file.flush, index, plan, size, on_progress)
            _keep_mode(target, file.fileno())
        yield Written(temporary, size, digest)
    except OSError as error:
        if error.errno in _FULL:
            temporary.unlink(missing_ok=True)
            raise _disk_full(target, max(1, size - _free_bytes(target.parent)), kept_in) from error
        raise _unwritable(target, error, kept_in) from error
    finally:
        temporary.unlink(missing_ok=True)


def rename_over(written: Written, target: Path) -> None:
    """Give the new file its name, lastingly."""
    written.temporary.replace(target)
    sync_folder(target.parent)


def remove_unfinished(target: Path) -> None:
    """Remove what a killed save left beside the file. Only for who holds the write lock."""
    for path in target.parent.glob(f".{_escaped(target.name)}.*{UNFINISHED_SUFFIX}"):
        with contextlib.suppress(OSError):
            path.unlink()


def _touched_rows(base_count: int, rows: FrozenRows) -> Iterator[tuple[int, bool, int, list[int]]]:
    """Rows of the file where something happens, ascending (-1: in front of all).

    For each: whether it is kept, the number of its text, and the numbers of the texts inserted behind it.
    """
    is_file_row = rows.keys < base_count
    file_rows, file_texts = rows.keys[is_file_row], rows.texts[is_file_row]
    changed = file_texts != AS_OPENED
    is_gone = np.ones(base_count, dtype=bool)
    is_gone[file_rows] = False
    inserted = _inserted_behind(rows, is_file_row)
    text_of = dict(zip(file_rows[changed].tolist(), file_texts[changed].tolist(), strict=True))
    touched = np.union1d(np.flatnonzero(is_gone), file_rows[changed]).tolist()
    for row in sorted({*touched, *inserted}):
        yield row, row < 0 or not is_gone[row], text_of.get(row, AS_OPENED), inserted.get(row, [])


def _inserted_behind(rows: FrozenRows, is_file_row: np.ndarray) -> dict[int, list[int]]:
    """Texts of new rows, by the row of the file behind which they stand."""
    places = np.flatnonzero(~is_file_row)
    anchors = np.maximum.accumulate(np.where(is_file_row, rows.keys, -1))[places] if len(places) else places
    inserted: dict[int, list[int]] = {}
    for anchor, text in zip(anchors.tolist(), rows.texts[places].tolist(), strict=True):
        inserted.setdefault(anchor, []).append(text)
    return inserted


def _inserted_lines(index: LineIndex, row: int, texts: Iterable[bytes]) -> Iterator[bytes]:
    """New lines in the line ending of the row in front of them; behind a last line without one, none gets the last."""
    ending = index.ending(row) if row >= 0 else index.usual_ending()
    if ending.endswith(b"\n"):
        yield from (text + ending for text in texts)
        return
    usual = index.usual_ending()
    for number, text in enumerate(texts):
        yield (b"\n" if number == 0 and ending else usual) + text  # behind a lone \r, which becomes \r\n


def _write(
    descriptor: int,
    write: Callable[[bytes], int],
    flush: Callable[[], None],
    index: LineIndex,
    plan: Plan,
    size: int,
    on_progress: OnBytes | None,
) -> str:
    """Write and fsync the pieces; returns the hash of the whole."""
    hasher = xxhash.xxh3_128()
    done, reported = 0, 0
    for block in _blocks(index, plan):
        hasher.update(block)
        write(block)
        done += len(block)
        if on_progress and done - reported >= 16 * _COPY_BYTES:
            on_progress(done, size)
            reported = done
    flush()
    os.fsync(descriptor)
    return hasher.hexdigest()


def _blocks(index: LineIndex, plan: Plan) -> Iterator[bytes]:
    for part in plan():
        if isinstance(part, bytes):
            yield part
            continue
        for start in range(part.start, part.stop, _COPY_BYTES):
            stop = min(start + _COPY_BYTES, part.stop)
            block = index.file.read(start, stop)
            if len(block) < stop - start:
                raise BadInput(
                    f"{index.file.path} was cut short by another program while it was open.",
                    hint="Rows behind the cut are lost there; restore a snapshot, or save your rows under another name.",
                )
            yield block


def _keep_mode(target: Path, descriptor: int) -> None:
    """Mode and owner of the file that is replaced; for a new one what the umask says."""
    try:
        status = target.stat()
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(descriptor, 0o666 & ~umask)
        return
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, status.st_mode & 0o7777)


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _disk_full(target: Path, missing: int, kept_in: str) -> DiskFull:
    return DiskFull(
        f"The disk is full: {missing:,} bytes are missing to save {target.name}. The file is as it was.",
        hint=f"Free some room and save again. {kept_in}",
    )


def _unwritable(target: Path, error: OSError, kept_in: str) -> BadInput:
    return BadInput(
        f"{target.name} cannot be saved in {target.parent}: {error.strerror}. The file is as it was.",
        hint=f"Save it under another name. {kept_in}",
    )


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
