"""What changed between two texts, word by word. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Op = Literal["same", "removed", "added"]
MOST_WORDS = 4_000  # comparing longer texts word by word takes seconds
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_CONTEXT = 60  # characters kept around a change


class Piece(Struct, frozen=True):
    """A stretch of text that stayed, went or came."""

    op: Op
    text: str


def diff_texts(before: str, after: str) -> list[Piece]:
    """The pieces in reading order; without the added ones they are `before`, without the removed ones `after`."""
    start = _common_start(before, after)
    end = _common_end(before[start:], after[start:])
    head, tail = before[:start], before[len(before) - end :]
    middle = _diff_words(before[start : len(before) - end], after[start : len(after) - end])
    pieces = [Piece("same", head), *middle, Piece("same", tail)]
    return [piece for piece in pieces if piece.text]


def shortened(pieces: Sequence[Piece], context: int = _CONTEXT) -> list[Piece]:
    """The same with long unchanged stretches cut to what stands around a change."""
    made: list[Piece] = []
    for number, piece in enumerate(pieces):
        if piece.op == "same":
            piece = Piece("same", _cut(piece.text, context, is_first=number == 0, is_last=number == len(pieces) - 1))
        made.append(piece)
    return made


def _cut(text: str, context: int, *, is_first: bool, is_last: bool) -> str:
    keep_start, keep_end = (0 if is_first else context), (0 if is_last else context)
    if len(text) <= keep_start + keep_end + 20:
        return text
    return text[:keep_start] + " … " + (text[len(text) - keep_end :] if keep_end else "")


def _diff_words(before: str, after: str) -> list[Piece]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    if not old or not new or len(old) + len(new) > MOST_WORDS:
        return [Piece("removed", before), Piece("added", after)]
    pieces: list[Piece] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(old[i1:i2])))
            continue
        pieces += [Piece("removed", "".join(old[i1:i2])), Piece("added", "".join(new[j1:j2]))]
    return pieces


def _common_start(before: str, after: str) -> int:
    """Whole words only, so that a change is shown as words and not as letters."""
    length = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        length += 1
    while length and (_cuts_word(before, length) or _cuts_word(after, length)):
        length -= 1
    return length


def _common_end(before: str, after: str) -> int:
    length = 0
    for one, other in zip(reversed(before), reversed(after), strict=False):
        if one != other:
            break
        length += 1
    while length and (_cuts_word(before, len(before) - length) or _cuts_word(after, len(after) - length)):
        length -= 1
    return length


def _cuts_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()
