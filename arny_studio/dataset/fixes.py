"""Repairs: for a kind of problem, the row as it should read. Pure functions from bytes to bytes.

A repair never invents what a person has to say (an answer, a question, a score). It counts only where fewer problems
of the kind are left and no others come up; `fixed_row` gives None where that is not so.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from arny_studio.contract import Contract, encode
from arny_studio.dataset import encoding
from arny_studio.dataset.decision_fixes import agreeing_fields, completed_fields, fitting_fields, known_journeys
from arny_studio.dataset.foreign_encoding import as_utf8
from arny_studio.dataset.problems import kind_of
from arny_studio.dataset.rewriting import contents_of, decision_of, with_decision_fields, with_texts
from arny_studio.dataset.row_problems import Limits, RowExaminer
from arny_studio.dataset.turns import with_content, without_turn
from arny_studio.errors import BadInput

Fix = Callable[[bytes, Contract], bytes]

_HIDES_OTHERS = (
    "unreadable",
    "decision-syntax",
    "duplicate-key",
    "order",
)  # what is wrong behind them is seen only afterwards


def fixed_row(kind: str, raw: bytes, contract: Contract) -> bytes | None:
    """The row with fewer problems of this kind; None where it has none, or no repair is known that helps."""
    fix = _FIXES.get(kind_of(kind).id)
    if fix is None:
        return None
    examiner = RowExaminer(contract, Limits())
    wanted = kind_of(kind).id
    before = _kinds(examiner, raw)
    if not before[wanted]:
        return None
    try:
        new = fix(raw, contract)
    except (BadInput, ValueError, RecursionError):
        return None
    after = _kinds(examiner, new)
    is_fair = wanted in _HIDES_OTHERS or all(before[other] for other in after)
    return new if after[wanted] < before[wanted] and is_fair else None


def has_fix(kind: str) -> bool:
    """Whether single rows with this kind of problem can be repaired."""
    return kind_of(kind).id in _FIXES


def _kinds(examiner: RowExaminer, raw: bytes) -> Counter[str]:
    return Counter(kind_of(problem.rule).id for problem in examiner.problems_of(raw))


def _keep_last_values(raw: bytes, contract: Contract) -> bytes:
    is_spaced = b'": ' in raw
    separators = (", ", ": ") if is_spaced else (",", ":")
    return json.dumps(json.loads(raw), ensure_ascii=raw.isascii(), separators=separators).encode()


def _join_neighbours(raw: bytes, contract: Contract) -> bytes:
    """Turns of the same role that follow each other become one; a question at the end that nobody answers goes."""
    turns = contents_of(raw)
    for index in range(len(turns) - 1, 0, -1):
        if turns[index][0] == turns[index - 1][0]:
            joined = "\n\n".join(part for part in (turns[index - 1][1], turns[index][1]) if part.strip())
            raw = with_content(without_turn(raw, index), index - 1, joined)
            turns[index - 1 : index + 1] = [(turns[index][0], joined)]
    if turns and turns[-1][0] == "user":
        raw = without_turn(raw, len(turns) - 1)
    return raw


def _drop_empty_exchanges(raw: bytes, contract: Contract) -> bytes:
    turns = contents_of(raw)
    for index in range(len(turns) - 2, -1, -1):
        pair = turns[index : index + 2]
        if [role for role, _ in pair] == ["user", "assistant"] and not all(text.strip() for _, text in pair):
            raw = without_turn(without_turn(raw, index + 1), index)
    return raw


def _extract_decision(raw: bytes, contract: Contract) -> bytes:
    """The JSON object out of the prose or code fence around it; of keys that occur twice the last value."""
    turns = contents_of(raw)
    index = max(number for number, (role, _) in enumerate(turns) if role == "assistant")
    text = turns[index][1]
    value = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return with_content(raw, index, encode(contract, value))


def _nearest_journeys(raw: bytes, contract: Contract) -> bytes:
    return _with_fields(raw, contract, lambda fields: known_journeys(fields, contract, _nearest))


def _fitting(raw: bytes, contract: Contract) -> bytes:
    return _with_fields(raw, contract, lambda fields: fitting_fields(fields, contract))


def _agreeing(raw: bytes, contract: Contract) -> bytes:
    return _with_fields(raw, contract, lambda fields: agreeing_fields(fields, contract))


def _completed(raw: bytes, contract: Contract) -> bytes:
    return _with_fields(raw, contract, lambda fields: completed_fields(fields, contract))


def _with_fields(raw: bytes, contract: Contract, changes_of: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    found = decision_of(raw)
    return raw if found is None else with_decision_fields(raw, changes_of(found[2]), contract)


def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    plain = "_".join(word.lower().replace("-", " ").split())
    near = [plain] if plain in known else difflib.get_close_matches(plain, known, n=1, cutoff=0.6)
    return near[0] if near else None


def _repair_encoding(raw: bytes, contract: Contract) -> bytes:
    return with_texts(raw, encoding.with_mojibake_repaired, contract)


def _remove_control_characters(raw: bytes, contract: Contract) -> bytes:
    return with_texts(raw, encoding.without_control_characters, contract)


def _convert_to_utf8(raw: bytes, contract: Contract) -> bytes:
    return as_utf8(raw)


_FIXES: dict[str, Fix] = {
    "unreadable": _convert_to_utf8,
    "duplicate-key": _keep_last_values,
    "order": _join_neighbours,
    "empty-turn": _drop_empty_exchanges,
    "decision-syntax": _extract_decision,
    "unknown-journey": _nearest_journeys,
    "schema": _fitting,
    "rule": _agreeing,
    "missing-field": _completed,
    "mojibake": _repair_encoding,
    "control": _remove_control_characters,
}
FIX_ORDER = (  # what hides other problems comes first
    "unreadable", "duplicate-key", "decision-syntax", "mojibake", "control", "order", "empty-turn", "unknown-journey", "schema",
    "missing-field", "rule",
)  # fmt: skip
