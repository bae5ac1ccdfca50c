"""What can be wrong with a row: every kind of problem with its bit, severity and words.

A row's problems are one bit mask in the column `problems`, so a million rows are grouped and filtered without their text.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Kind(Struct, frozen=True):
    """One kind of problem. `fix` is the title of its repair, empty where only a person can repair it."""

    id: str
    bit: int
    severity: Severity
    title: str
    sentence: str
    fix: str = ""

    @property
    def mask(self) -> int:
        """The kind as it stands in the column `problems`."""
        return 1 << self.bit


KINDS: tuple[Kind, ...] = (
    Kind(
        "unreadable", 0, "error", "Unreadable lines",
        "The line is not JSON in UTF-8. One that was written in another encoding can be converted.", "Convert the encoding",
    ),
    Kind("shape", 1, "error", "Not a conversation", "The row has no list of turns with role and content."),
    Kind(
        "duplicate-key", 2, "error", "A key twice", "An object names the same key twice; readers keep only the last.",
        "Keep the last value",
    ),
    Kind(
        "order", 3, "error", "Turns out of order", "The turns do not go user, assistant, user, assistant.",
        "Join turns of one role",
    ),
    Kind("empty-turn", 4, "error", "Empty turns", "A turn says nothing.", "Remove empty exchanges"),
    Kind(
        "decision-syntax", 5, "error", "Decisions that are not JSON", "The answer should be a decision but is no JSON object.",
        "Take the JSON out of the text",
    ),
    Kind(
        "unknown-journey", 6, "error", "Unknown journeys", "The decision names a journey the contract does not have.",
        "Use the nearest journey",
    ),
    Kind(
        "schema", 7, "error", "Against the schema", "A field of the decision has a value the contract rules out.",
        "Convert and clamp values",
    ),
    Kind(
        "rule", 8, "error", "Against a rule", "Fields of the decision contradict each other.", "Make the fields agree"
    ),
    Kind(
        "missing-field", 9, "warning", "Missing fields", "The decision leaves out fields of the contract.",
        "Add what follows from the others",
    ),
    Kind(
        "truncated", 10, "warning", "Cut off in training",
        "The conversation is longer than the limit, so the end of the answer is never learned.",
    ),
    Kind("mojibake", 11, "warning", "Garbled encoding", "Text was decoded with the wrong encoding.", "Repair encoding"),
    Kind("control", 12, "warning", "Control characters", "Invisible control characters stand in the text.", "Remove them"),
    Kind("duplicate", 13, "warning", "Exact duplicates", "The same conversation occurs in an earlier row.", "Remove the copies"),
    Kind(
        "near-duplicate", 14, "note", "Near duplicates", "The text is almost that of an earlier row.", "Remove the copies"
    ),
    Kind("contradiction", 15, "error", "Contradictory labels", "The same query is decided differently in another row."),
    Kind(
        "leak", 16, "error", "Leaks into the other file", "The same query occurs in the file it was compared with.",
        "Remove the rows here",
    ),
)  # fmt: skip
IMBALANCE = Kind("imbalance", 31, "note", "Imbalance", "Some journeys have far fewer rows than others.")

_BY_ID = {kind.id: kind for kind in (*KINDS, IMBALANCE)}
_OF_THE_READER = {
    "encoding": "unreadable",
    "syntax": "unreadable",
    "row": "shape",
}  # what `reading.parse_row` calls them
PAIR_KINDS = ("duplicate", "near-duplicate", "contradiction", "leak")  # known only from looking at many rows


def kind_of(id_or_rule: str) -> Kind:
    """A kind by id or by the reader's word; any other name is the id of a contract's rule, of the kind `rule`."""
    return _BY_ID.get(_OF_THE_READER.get(id_or_rule, id_or_rule), _BY_ID["rule"])


def is_kind(name: str) -> bool:
    """Whether a kind of this id exists."""
    return name in _BY_ID


def mask_of(*ids: str) -> int:
    """The bits of some kinds together."""
    mask = 0
    for name in ids:
        mask |= _BY_ID[name].mask
    return mask


def mask_of_severity(severity: Severity) -> int:
    """The bits of all kinds of one severity."""
    return mask_of(*(kind.id for kind in KINDS if kind.severity == severity))


def kinds_in(mask: int) -> list[Kind]:
    """The kinds whose bits are set, the gravest first."""
    found = [kind for kind in KINDS if mask & kind.mask]
    return sorted(found, key=lambda kind: SEVERITIES.index(kind.severity))


def counts_by_kind(problems: np.ndarray) -> dict[str, int]:
    """How many rows have each kind of problem; `problems` is (rows,) uint32. Kinds that nowhere occur are left out."""
    counts = {kind.id: int(np.count_nonzero(problems & np.uint32(kind.mask))) for kind in KINDS}
    return {name: count for name, count in counts.items() if count}


ERRORS = mask_of_severity("error")
WARNINGS = mask_of_severity("warning")
NOTES = mask_of_severity("note")
