"""A sample: one conversation whose last assistant turn is what the model learns to say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import orjson
from msgspec import Struct

from arny_studio.atomic import replaced_file

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")


class Message(Struct, frozen=True):
    """One turn."""

    role: Role
    content: str


class Sample(Struct, frozen=True, kw_only=True):
    """A row of a dataset. `line` counts from 1; `value` is the row as it was parsed, unknown keys included."""

    line: int
    id: str
    messages: tuple[Message, ...]
    value: dict[str, Any]

    @property
    def query(self) -> str:
        """The last user turn."""
        return next((turn.content for turn in reversed(self.messages) if turn.role == "user"), "")

    @property
    def answer(self) -> str:
        """The last assistant turn: a decision as JSON for Tier-1, prose for Tier-2."""
        return next((turn.content for turn in reversed(self.messages) if turn.role == "assistant"), "")

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the last assistant turn."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].role == "assistant":
                return self.messages[:index]
        return self.messages

    @property
    def is_routing(self) -> bool:
        """Whether the answer looks like a decision, so that the contract has something to say about it."""
        return self.answer.lstrip().startswith("{")

    def decision(self) -> dict[str, Any] | None:
        """The answer as JSON, or None where it is no JSON object. Checks nothing."""
        try:
            value = json.loads(self.answer)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


class RowProblem(Struct, frozen=True, kw_only=True):
    """Something wrong with a line: where it is and what was expected. `is_usable` says whether the row still counts."""

    file: str
    line: int
    sentence: str
    column: int | None = None
    path: str = "$"
    rule: str = "row"
    severity: Literal["error", "warning", "note"] = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")
        field = "" if self.path == "$" else f" {self.path}:"
        return f"{place}:{field} {self.sentence}"


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows one per line, atomically; returns how many."""
    count = 0
    with replaced_file(path) as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count
