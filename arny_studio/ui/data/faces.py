"""What a table row says about a sample, and which rows hold a text. Pure functions over a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from msgspec import Struct

from arny_studio.contract import Contract
from arny_studio.dataset.checking import check_sample
from arny_studio.dataset.document import Document
from arny_studio.dataset.samples import RowProblem, Sample

LONGEST_PARSED_BYTES = 1 << 20  # longer lines are parsed only when they are selected
_QUERY_CHARACTERS = 200


class RowFace(Struct, frozen=True, kw_only=True):
    """One row of the table. Numbers are None where the row has no decision."""

    query: str
    intent: str = ""
    journey: str = ""
    complexity: float | None = None
    confidence: float | None = None
    flags: tuple[str, ...] = ()
    problems: int = 0
    has_errors: bool = False


def face_of(document: Document, row: int, contract: Contract) -> RowFace:
    """The face of a row. Very long lines are not parsed for it."""
    raw = document.raw(row)
    if len(raw) > LONGEST_PARSED_BYTES:
        return RowFace(query=f"A line of {len(raw) / (1 << 20):.1f} MiB; select it to read it.")
    sample = document.sample(row)
    if isinstance(sample, RowProblem):
        return RowFace(query=sample.sentence, problems=1, has_errors=True)
    problems = list(check_sample(sample, contract, file=document.path.name))
    has_errors = any(problem.severity == "error" for problem in problems)
    query = " ".join(sample.query[: 2 * _QUERY_CHARACTERS].split())[:_QUERY_CHARACTERS]
    return RowFace(query=query, problems=len(problems), has_errors=has_errors, **_decided(sample, contract))


def problems_of(document: Document, row: int, contract: Contract) -> list[RowProblem]:
    """Everything that is wrong with a row."""
    sample = document.sample(row)
    if isinstance(sample, RowProblem):
        return [sample]
    return list(check_sample(sample, contract, file=document.path.name))


def rows_with_text(document: Document, text: str, is_void: Callable[[], bool]) -> np.ndarray:
    """Rows (int64) in whose turns, the system's aside, or id the text occurs, whatever its case.

    The bytes are looked at first and only candidates are parsed. Ends early where `is_void` turns true.
    """
    needle = text.casefold()
    seeds = [part.casefold().encode() for part in (text, orjson.dumps(text).decode()[1:-1])]
    prompt = _system_bytes(document)
    found = []
    for row in range(document.row_count):
        if row % 512 == 0 and is_void():
            break
        raw = document.raw(row)
        seen = raw.replace(prompt, b"") if prompt else raw
        is_candidate = not needle.isascii() or any(seed in seen.lower() for seed in seeds)
        if is_candidate and needle in _searched_text(document.sample(row), raw):
            found.append(row)
    return np.array(found, dtype=np.int64)


def row_of_line(document: Document, line: int) -> int:
    """The row that stands at a line of the file (or the next one that does)."""
    low, high = 0, document.row_count
    while low < high:
        middle = (low + high) // 2
        if document.line_number(middle) < line:
            low = middle + 1
        else:
            high = middle
    return min(low, max(0, document.row_count - 1))


def _decided(sample: Sample, contract: Contract) -> dict[str, Any]:
    decision = sample.decision() if sample.is_routing else None
    if decision is None:
        return {}
    roles = contract.roles
    score, confidence = decision.get(roles.score), decision.get(roles.confidence)
    return {
        "intent": str(decision.get(roles.intent, "")),
        "journey": str(decision.get(roles.journey, "")),
        "complexity": score if isinstance(score, int | float) else None,
        "confidence": confidence if isinstance(confidence, int | float) else None,
        "flags": _flags(decision, contract),
    }


def _flags(decision: dict[str, Any], contract: Contract) -> tuple[str, ...]:
    roles = contract.roles
    score, journeys = decision.get(roles.score), decision.get(roles.journeys)
    said = (
        ("asks", decision.get(roles.needs_clarification) is True),
        ("executes", decision.get(roles.needs_execution) is True),
        ("reasons", isinstance(score, int | float) and score >= contract.threshold),
        ("several", isinstance(journeys, list) and len(journeys) > 1),
    )
    return tuple(name for name, holds in said if holds)


def _searched_text(sample: Sample | RowProblem, raw: bytes) -> str:
    if isinstance(sample, RowProblem):
        return raw.decode("utf-8", "replace").casefold()
    turns = (turn.content for turn in sample.messages if turn.role != "system")
    return "\n".join((sample.id, *turns)).casefold()


def _system_bytes(document: Document) -> bytes:
    """The first row's system prompt as it stands in the file: most rows share it, and it names every journey."""
    if document.row_count == 0:
        return b""
    sample = document.sample(0)
    if isinstance(sample, RowProblem) or sample.messages[0].role != "system":
        return b""
    return orjson.dumps(sample.messages[0].content)
