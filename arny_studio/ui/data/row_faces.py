"""What a table row says about a row of the dataset, and what the editor shows of it. Pure functions over bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from arny_studio.contract import Contract
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.problems import ERRORS, Kind, kind_of, kinds_in
from arny_studio.dataset.reading import parse_row
from arny_studio.dataset.row_columns import FLAGS
from arny_studio.dataset.samples import RowProblem, Sample
from arny_studio.dataset.text_order import query_of
from arny_studio.ui.data.inline_problem import ShownProblem
from arny_studio.ui.data.sample_editor import ShownRow

LONGEST_PARSED_BYTES = 1 << 20  # longer lines are neither parsed for the table nor edited turn by turn
LONGEST_PREVIEW_BYTES = 20_000
QUERY_CHARACTERS = 200
_SHOWN_FLAGS = ("asks", "executes", "reasons", "several")
_PLACE = re.compile(r"\$\.messages\[(\d+)\](?:\.\w+)?(?: › (\w+))?")


class RowFace(Struct, frozen=True, kw_only=True):
    """One row of the table. Numbers are None where the row has no decision or was not parsed."""

    query: str
    intent: str = ""
    journey: str = ""
    complexity: float | None = None
    confidence: float | None = None
    flags: tuple[str, ...] = ()
    turns: int | None = None
    characters: int | None = None
    tokens: int | None = None
    problems: int = 0  # bits of problems.KINDS

    @property
    def has_errors(self) -> bool:
        """Whether a problem is grave."""
        return bool(self.problems & ERRORS)


def face_of(raw: bytes, checker: RowChecker) -> RowFace:
    """The face of a row. Very long lines are not parsed for it."""
    if len(raw) > LONGEST_PARSED_BYTES:
        return RowFace(query=f"A line of {len(raw) / (1 << 20):.1f} MiB; select it to look at it.")
    columns = checker.columns_of(raw)
    is_routing = bool(columns.flags & FLAGS["routing"])
    return RowFace(
        query=query_of(raw, QUERY_CHARACTERS),
        intent=columns.intent,
        journey=columns.journey,
        complexity=columns.complexity if is_routing and columns.complexity == columns.complexity else None,
        confidence=columns.confidence if is_routing and columns.confidence == columns.confidence else None,
        flags=tuple(name for name in _SHOWN_FLAGS if columns.flags & FLAGS[name]),
        turns=columns.turns,
        characters=columns.characters,
        tokens=columns.tokens,
        problems=columns.problems,
    )


def shown_row(
    raw: bytes, *, key: int, row: int, checker: RowChecker, others: tuple[ShownProblem, ...] = (), why_locked: str = ""
) -> ShownRow:
    """A row for the editor. `others` are problems that only a look at the whole file finds."""
    if len(raw) > LONGEST_PARSED_BYTES:
        return _too_long(raw, key, row, others)
    problems = (
        *(_shown(problem, raw, checker.contract) for problem in checker.problems_of(raw, line=row + 1)),
        *others,
    )
    sample = parse_row(raw, file="", line=row + 1)
    if isinstance(sample, RowProblem):
        text, locked = _as_text(raw)
        return ShownRow(key=key, row=row, raw=text, problems=problems, why_locked=why_locked or locked)
    chips = tuple(_chips(sample))
    return ShownRow(key=key, row=row, chips=chips, turns=sample.messages, problems=problems, why_locked=why_locked)


def fix_of(kind: Kind, raw: bytes, contract: Contract) -> bytes | None:
    """The row as this kind's fix would leave it; None where it changes nothing."""
    from arny_studio.dataset.fixes import fixed_row

    return fixed_row(kind.id, raw, contract) if kind.fix else None


def why_fix(kind: Kind, raw: bytes) -> str:
    """What a fix is for, in a sentence above its preview."""
    from arny_studio.dataset.foreign_encoding import NAMES, encoding_of, is_utf8

    if kind.id != "unreadable" or is_utf8(raw):
        return kind.sentence
    return f"What is not UTF-8 in this line reads as {NAMES[encoding_of(raw)]}."


def problem_titles(mask: int) -> str:
    """The kinds of problems of a row, the gravest first, for a tooltip."""
    return ", ".join(kind.title.lower() for kind in kinds_in(mask))


def _shown(problem: RowProblem, raw: bytes, contract: Contract) -> ShownProblem:
    kind = kind_of(problem.rule)
    found = _PLACE.match(problem.path)
    column = f" (column {problem.column:,})" if problem.column else ""
    fixed = fix_of(kind, raw, contract)
    return ShownProblem(
        sentence=problem.sentence + column,
        is_error=problem.severity == "error",
        turn=int(found[1]) if found else None,
        field=(found[2] or "") if found else "",
        fix_title=kind.fix if fixed is not None else "",
        fix=(kind.id, fixed) if fixed is not None else None,
    )


def _too_long(raw: bytes, key: int, row: int, others: tuple[ShownProblem, ...]) -> ShownRow:
    text = raw[:LONGEST_PREVIEW_BYTES].decode("utf-8", "replace")
    size = f"{len(raw) / (1 << 20):.1f} MiB"
    said = ShownProblem(
        sentence=f"This line of {size} is too long to be edited here; its beginning is shown. Bulk edits reach all of it.",
        is_error=False,
    )
    return ShownRow(key=key, row=row, raw=f"{text} …", problems=(said, *others), why_locked=f"{size}, shown in part")


def _as_text(raw: bytes) -> tuple[str, str]:
    """The line as text, and why it must not be edited as such."""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace"), "not UTF-8"


def _chips(sample: Sample) -> Iterator[str]:
    yield sample.id
    meta = sample.value.get("meta")
    if isinstance(meta, dict):
        yield from (str(meta[key]) for key in ("split", "situation", "topic") if isinstance(meta.get(key), str))
