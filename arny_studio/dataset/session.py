"""A journal found beside a dataset when it is opened: what is in it, and whether it fits the file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from arny_studio.dataset.file_bytes import FileBytes
from arny_studio.dataset.journal import Applied, JournalContents, Redone, Saving, Undone, read_journal
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.dataset.undo import BASE


class Recovery(Struct, frozen=True, kw_only=True):
    """What opening found of an earlier session, to be said once, in a bar."""

    sentence: str
    restored: int = 0  # changes that are shown again and not yet saved
    kept: Path | None = None  # where changes lie that do not fit the file any more (see outside_changes.merged_kept)


class FoundSession(Struct, frozen=True):
    """A journal that fits: the file its keys count in, its records, and after which step the file was saved last."""

    base: FileBytes
    contents: JournalContents
    saved_serial: int
    saved_hash: str


def find_session(file: FileBytes, sidecar: Sidecar) -> FoundSession | Recovery | None:
    """The session to go on with; or what is to be said of one that does not fit; or None where there is none."""
    contents = read_journal(sidecar.journal)
    if contents is None:
        sidecar.drop_session()
        return None
    fits = _saved_state(contents, file.content_hash)
    base = _base_of(contents, file, sidecar) if fits is not None else None
    if fits is None or base is None:
        return set_aside(contents, file, sidecar)
    return FoundSession(base, contents, fits, file.content_hash)


def _saved_state(contents: JournalContents, content_hash: str) -> int | None:
    """The step after which the file hashed as it does now; None where it never did."""
    for record in reversed(contents.records):
        if isinstance(record, Saving) and record.content_hash == content_hash:
            return record.serial
    return BASE if contents.opened.content_hash == content_hash else None


def _base_of(contents: JournalContents, file: FileBytes, sidecar: Sidecar) -> FileBytes | None:
    if contents.opened.content_hash == file.content_hash:
        return file
    if not sidecar.base.is_file():
        return None
    base = FileBytes.open(sidecar.base)
    return base if base.content_hash == contents.opened.content_hash else None


def set_aside(contents: JournalContents, file: FileBytes, sidecar: Sidecar) -> Recovery | None:
    """Keep a session that does not fit out of the way; what to say of it, None where it says nothing."""
    count = changes_in(contents)
    if not count:
        sidecar.drop_session()
        return None
    kept = sidecar.set_session_aside(datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ"))
    sentence = (
        f"{file.path.name} was changed by another program after {_changes(count)} made here and not saved. "
        "The file is shown as it is; your changes are kept and can be merged by row."
    )
    return Recovery(sentence=sentence, kept=kept)


def restored(count: int) -> Recovery:
    """What to say of changes that are shown again."""
    return Recovery(sentence=f"{_changes(count)} from the last session restored; not saved yet.", restored=count)


def changes_in(contents: JournalContents) -> int:
    """How many changes are in force at the end of a journal, saved or not."""
    count = 0
    for record in contents.records:
        if isinstance(record, Applied):
            count += not record.joins or count == 0
        elif isinstance(record, Undone | Redone):
            count += 1 if isinstance(record, Redone) else -1
    return max(0, count)


def _changes(count: int) -> str:
    return "1 change" if count == 1 else f"{count:,} changes"
