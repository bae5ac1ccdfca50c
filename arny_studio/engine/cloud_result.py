"""What a cloud connector gave back, how it is laid out as a reply, and whether words about it say anything of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

Row = dict[str, Any]

SIMULATED = "Simulated result (offline sandbox)"


class CloudResult(Struct, frozen=True, kw_only=True):
    """Rows that all have the same keys, who gave them, and whether they are samples."""

    connector: str
    title: str
    rows: tuple[Row, ...]
    is_simulated: bool = False

    @property
    def label(self) -> str:
        """The line that stands above a reply made from it."""
        return f"{SIMULATED if self.is_simulated else f'From {self.connector}'}: {self.title}"


_SHORTEST_NAME = 4  # characters; shorter values, such as `0`, stand in many a sentence by chance


def is_told_in(words: str, result: CloudResult) -> bool:
    """Whether words repeat at least one value of the rows: a small model that was handed them may talk past them."""
    said = " ".join(words.casefold().split())
    values = [" ".join(str(value).casefold().split()) for row in result.rows for value in row.values()]
    telling = [value for value in values if len(value) >= _SHORTEST_NAME]
    return not telling or any(value in said for value in telling)


def lay_out(result: CloudResult, style: str) -> str:
    """The reply in a formatting style, under its label. An unknown style counts as plain."""
    body = _LAYOUTS.get(style, _as_plain)(result.rows) if result.rows else "Nothing was found."
    return f"{result.label}\n{body}"


def _as_plain(rows: tuple[Row, ...]) -> str:
    return " ".join(f"{_words(row)}." for row in rows)


def _as_list(rows: tuple[Row, ...]) -> str:
    return "\n".join(f"- {_words(row)}" for row in rows)


def _as_steps(rows: tuple[Row, ...]) -> str:
    return "\n".join(f"{n}. {_words(row)}" for n, row in enumerate(rows, 1))


def _as_card(rows: tuple[Row, ...]) -> str:
    return "\n".join(f"{_label(key)}: {value}" for key, value in rows[0].items())


def _as_table(rows: tuple[Row, ...]) -> str:
    head = "| " + " | ".join(_label(key) for key in rows[0]) + " |"
    rule = "|" + " --- |" * len(rows[0])
    return "\n".join([head, rule, *("| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows)])


_LAYOUTS: dict[str, Callable[[tuple[Row, ...]], str]] = {
    "plain": _as_plain, "list": _as_list, "steps": _as_steps, "card": _as_card, "table": _as_table,
}  # fmt: skip


def _words(row: Row) -> str:
    return ", ".join(f"{_label(key)} {value}" for key, value in row.items())


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize()
