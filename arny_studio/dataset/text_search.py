"""Words and regular expressions in the texts of rows, streamed. A row is parsed only where its bytes may hold the words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import orjson

from arny_studio.dataset.query import Pattern, Text
from arny_studio.dataset.rewriting import fields_of
from arny_studio.dataset.row_problems import texts_in
from arny_studio.dataset.row_source import RowSource

_PERIOD_ROWS = 256
# Characters that JSON writes as themselves at any depth; other ones may be escapes.
_LITERAL = re.compile(r"[A-Za-z0-9 !#$%&'()*+,\-.:;<=>?@\[\]^_`{|}~]+")


class SearchCancelled(Exception):
    """Nobody wants the answer any more."""


class TextSearch:
    """Searches the rows of one source."""

    def __init__(
        self,
        rows: RowSource,
        *,
        is_void: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._rows = rows
        self._is_void = is_void
        self._on_progress = on_progress

    def mask(self, query: Text | Pattern, within: np.ndarray) -> np.ndarray:
        """(rows,) bool: rows inside `within` that hold the text. Raises SearchCancelled."""
        matches = _matcher_of(query)
        found = np.zeros_like(within)
        total = int(np.count_nonzero(within))
        for done, (row, raw) in enumerate(self._picked(within, total)):
            if done % _PERIOD_ROWS == 0:
                self._report(done, total)
            found[row] = matches(raw)
        return found

    def _picked(self, within: np.ndarray, total: int) -> Iterator[tuple[int, bytes]]:
        if total * 4 > len(within):
            return ((row, raw) for row, raw in enumerate(self._rows.rows()) if within[row])
        return ((row, self._rows.raw(row)) for row in np.flatnonzero(within).tolist())

    def _report(self, done: int, total: int) -> None:
        if self._is_void is not None and self._is_void():
            raise SearchCancelled
        if self._on_progress is not None:
            self._on_progress(done, total)


def searched_text(raw: bytes, scope: str) -> str | None:
    """What of a row is searched: the turns of a role, its id, or (empty scope) all turns but the system's and the id.

    Lines stand for turns; a row that is no conversation is searched as it stands. None: it has no such turn.
    """
    try:
        value = orjson.loads(raw)
        turns = [(turn["role"], turn["content"]) for turn in value["messages"]]
    except (ValueError, TypeError, KeyError):
        return None if scope else raw.decode("utf-8", "replace")
    if scope == "id":
        return str(value["id"]) if "id" in value else None
    said = [content for role, content in turns if role == scope or (not scope and role != "system")]
    if not said or not all(isinstance(content, str) for content in said):
        return None if scope else raw.decode("utf-8", "replace")
    unescaped = [text for content in said if "\\u" in content for text in _texts_of_decision(content)]
    named = [str(value.get("id", ""))] if not scope else []
    return "\n".join((*named, *said, *unescaped))


def _texts_of_decision(content: str) -> Iterator[str]:
    """A decision's own texts, where it spells characters as escapes."""
    fields = fields_of(content)
    return iter(()) if fields is None else texts_in(fields)


def _matcher_of(query: Text | Pattern) -> Callable[[bytes], bool]:
    if isinstance(query, Pattern):
        pattern = re.compile(query.pattern, re.IGNORECASE if query.ignores_case else 0)
        return lambda raw: (text := searched_text(raw, query.scope)) is not None and pattern.search(text) is not None
    needle = query.needle.casefold()
    seed = max(_LITERAL.findall(query.needle), key=len, default="").lower().encode()

    def holds(raw: bytes) -> bool:
        if seed not in raw.lower() and b"\\u00" not in raw:
            return False
        text = searched_text(raw, query.scope)
        return text is not None and needle in text.casefold()

    return holds
