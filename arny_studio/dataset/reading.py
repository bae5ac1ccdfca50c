"""Reading JSONL line by line: every line becomes a sample or a problem that says where it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from arny_studio.dataset.samples import ROLES, Message, RowProblem, Sample
from arny_studio.errors import MissingFile

BOM = b"\xef\xbb\xbf"


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Stream the lines of a file that are not blank, with their numbers from 1; a byte order mark is left out.

    Raises MissingFile where there is no such file.
    """
    if not path.is_file():
        raise MissingFile(f"There is no dataset at {path}.")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                line = line.removeprefix(BOM)
            if line.strip():
                yield number, line


def read_samples(path: Path) -> Iterator[Sample | RowProblem]:
    """Stream a file of `messages` rows. Blank lines are passed over; a bad line is a problem, the rest goes on.

    Raises MissingFile where there is no such file.
    """
    for number, line in read_lines(path):
        yield parse_row(line, file=path.name, line=number)


def parse_row(raw: bytes, *, file: str, line: int) -> Sample | RowProblem:
    """One line as a sample, or the first thing that keeps it from being one."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _why_not_json(raw, file, line)
    if not isinstance(value, dict):
        return RowProblem(file=file, line=line, sentence="A row is a JSON object.")
    turns = value.get("messages")
    if not isinstance(turns, list) or not turns:
        found = ", ".join(list(value)[:6]) or "nothing"
        return RowProblem(file=file, line=line, sentence=f"The row has no list of messages (it has {found}).")
    messages = []
    for index, turn in enumerate(turns):
        problem = _turn_problem(turn, index, file, line)
        if problem is not None:
            return problem
        messages.append(Message(turn["role"], turn["content"]))
    return Sample(line=line, id=str(value.get("id", f"line-{line}")), messages=tuple(messages), value=value)


def syntax_problem(raw: bytes, file: str, line: int) -> RowProblem | None:
    """What keeps a line from being strict JSON in UTF-8, with its column (in bytes or characters, from 1); else None."""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _why_not_json(raw, file, line)
    return None


def _turn_problem(turn: Any, index: int, file: str, line: int) -> RowProblem | None:
    path = f"$.messages[{index}]"
    if not isinstance(turn, dict):
        return RowProblem(file=file, line=line, path=path, sentence="A turn is an object with role and content.")
    if turn.get("role") not in ROLES:
        sentence = f"The role {turn.get('role')!r} is none of {', '.join(ROLES)}."
        return RowProblem(file=file, line=line, path=f"{path}.role", sentence=sentence)
    if not isinstance(turn.get("content"), str):
        return RowProblem(file=file, line=line, path=f"{path}.content", sentence="The content of a turn is a text.")
    return None


def _why_not_json(raw: bytes, file: str, line: int) -> RowProblem:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        sentence = f"Byte 0x{raw[error.start]:02x} is not UTF-8; the file should be UTF-8 throughout."
        return RowProblem(file=file, line=line, column=error.start + 1, rule="encoding", sentence=sentence)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        sentence = f"This is not JSON: {error.msg[0].lower()}{error.msg[1:]}."
        return RowProblem(file=file, line=line, column=error.pos + 1, rule="syntax", sentence=sentence)
    except RecursionError:
        return RowProblem(file=file, line=line, rule="syntax", sentence="The JSON is nested too deeply.")
    return RowProblem(
        file=file, line=line, rule="syntax", sentence="This is not strict JSON (NaN or a lone surrogate?)."
    )
