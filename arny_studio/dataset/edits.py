"""What can be done to a dataset document: edits, gathered into changes that are undone as one.

Rows are named by keys: the rows of the opened file have the keys 0 … n-1, inserted rows get the following ones, and a
row keeps its key for as long as the document is open, across edits, undo and saves.
"""

from __future__ import annotations

from msgspec import Struct

from arny_studio.dataset.judging import JudgedRows
from arny_studio.dataset.line_index import BOM
from arny_studio.dataset.review import Review
from arny_studio.errors import ArnyError, BadInput

START = -1  # as `after`: in front of all rows


class SetRow(Struct, frozen=True, tag="set"):
    """Give a row a new text: one line without its ending."""

    key: int
    raw: bytes


class RemoveRow(Struct, frozen=True, tag="remove"):
    """Take a row away."""

    key: int


class InsertRow(Struct, frozen=True, tag="insert"):
    """Put a new row behind the row `after` (START: in front of all). Several behind the same row keep their order."""

    after: int
    raw: bytes


class ApplyPatch(Struct, frozen=True, tag="patch"):
    """Do all that a patch file says (see `patch_file`): for changes too large to be lists in memory."""

    path: str


class SetReview(Struct, frozen=True, tag="review"):
    """Say how a row was judged. Touches the review file beside the dataset, never the dataset."""

    key: int
    review: Review


class JudgeRows(Struct, frozen=True):
    """Say of many rows how they were judged, as it was worked out (and previewed) beforehand."""

    rows: JudgedRows


TextEdit = SetRow | RemoveRow | InsertRow | ApplyPatch
ReviewEdit = SetReview | JudgeRows
Edit = TextEdit | ReviewEdit


class Change(Struct, frozen=True):
    """One undo step. `version`: the document's version it was made for; another one refuses it (StaleChange)."""

    title: str
    edits: tuple[Edit, ...]
    version: int | None = None


class StaleChange(ArnyError):
    """The document went on while a change was being prepared."""


def checked_raw(raw: bytes) -> bytes:
    """A row's text as it can be written: one line that is not blank. Raises BadInput where it is none."""
    raw = raw.removeprefix(BOM).rstrip(b"\r\n")
    if b"\n" in raw:
        raise BadInput("A row is one line; this text has a line break in it.", hint="Write line breaks as \\n in JSON.")
    if not raw.strip():
        raise BadInput("A row cannot be blank.", hint="Remove the row instead.")
    return raw
