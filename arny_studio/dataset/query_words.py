"""What a query could go on with at the cursor: fields, their values, words of the dataset itself. Knows nothing of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from arny_studio.dataset.query import FIELDS, NUMBERS, PROBLEM_WORDS, SCOPES, STATUSES
from arny_studio.dataset.row_columns import FLAGS

MOST_OFFERED = 12
_FIXED: dict[str, tuple[str, ...]] = {
    "role": SCOPES,
    "is": tuple(FLAGS),
    "problem": PROBLEM_WORDS,
    "status": (*STATUSES, "none", "*"),
}
_OFFERED_FIELDS = tuple(name for name in FIELDS if name not in ("duplicate_of", "near_group", "contradiction_group"))
_TERM = re.compile(r"(?:^|(?<=[\s(]))-?(?P<field>[A-Za-z_]+)(?P<sign>>=|<=|!=|:|=|<|>)(?P<value>[^\s()\"]*)$")
_WORD = re.compile(r"(?:^|(?<=[\s(]))-?(?P<word>[A-Za-z_]+)$")
_PLAIN = re.compile(r"[^\s(),\"/]+")


class Suggestion(Struct, frozen=True):
    """One way to go on: what the list says, and the whole query with the cursor behind it."""

    label: str
    query: str
    cursor: int


def suggestions(text: str, cursor: int, words: Mapping[str, Sequence[str]]) -> list[Suggestion]:
    """What fits at the cursor, at most MOST_OFFERED, best first; nothing inside quotes and regular expressions.

    `words` are the values that this dataset has: field (a category or `tag`) → words.
    """
    before, after = text[:cursor], text[cursor:]
    if before.count('"') % 2:
        return []
    term = _TERM.search(before)
    if term is not None and term["field"].lower() in FIELDS:
        return _values(term, before, after, words)
    word = _WORD.search(before)
    if word is None:
        return []
    return [
        _suggestion(before[: word.start("word")], name + sign, after)
        for name in _matching(word["word"], _OFFERED_FIELDS, with_inside=False)
        for sign in ((":", ">=") if name in NUMBERS else (":",))
    ][:MOST_OFFERED]


def _values(term: re.Match[str], before: str, after: str, words: Mapping[str, Sequence[str]]) -> list[Suggestion]:
    name, (*others, typed) = term["field"].lower(), term["value"].split(",")
    known = _FIXED.get(name) or (*sorted(words.get(name, ()), key=str.casefold), "none")
    if name in NUMBERS:
        return []
    left = before[: len(before) - len(typed)]
    offered = _matching(typed, [word for word in known if word not in others], with_inside=True)
    if offered == [typed]:
        return []  # it is written already
    return [_suggestion(left, _written(word, is_alone=not others), after, label=word) for word in offered][
        :MOST_OFFERED
    ]


def _matching(typed: str, known: Sequence[str], *, with_inside: bool) -> list[str]:
    """Words that begin with what is typed, then those that only hold it; case aside."""
    wanted = typed.casefold()
    first = [word for word in known if word.casefold().startswith(wanted)]
    inside = [word for word in known if wanted in word.casefold()] if with_inside else []
    return list(dict.fromkeys([*first, *inside]))


def _written(word: str, *, is_alone: bool) -> str:
    """A value as the query language takes it; what has blanks in it can only stand alone, in quotes."""
    return (
        word if _PLAIN.fullmatch(word) or not is_alone else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def _suggestion(left: str, put: str, after: str, *, label: str = "") -> Suggestion:
    return Suggestion(label or put, left + put + after, len(left) + len(put))
