"""No two rows of a dataset may ask the same and decide differently: such a pair teaches a router nothing."""

from __future__ import annotations

from typing import Any

import orjson
import xxhash

from arny_studio.dataset.generate.tier1.situations import Conversation

_LABEL = (
    "intent", "primary_journey", "journeys", "missing_fields", "needs_clarification", "needs_execution",
    "execution_type",
)  # fmt: skip


class SaidBefore:
    """What was asked in a dataset and how it was decided, two 64-bit numbers a query."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._labels: dict[int, int] = {}

    def contradicts(self, talk: Conversation) -> bool:
        """Whether the same was asked before and decided otherwise; if not, it is remembered. Case does not count."""
        label = _label(talk.turns[-1][1], self._threshold)
        return self._labels.setdefault(_query(talk), label) != label


def _query(talk: Conversation) -> int:
    """Everything that stands before the last decision."""
    *before, (last, _) = talk.turns
    parts = [part for text, decision in before for part in (text, orjson.dumps(decision).decode())]
    return xxhash.xxh3_64_intdigest(" ".join(" ".join([*parts, last]).split()).casefold().encode())


def _label(decision: dict[str, Any], threshold: int) -> int:
    """What sends a request its way, as the check of a dataset compares it; words and small differences aside."""
    reasons = decision["complexity_score"] >= threshold
    return xxhash.xxh3_64_intdigest(orjson.dumps([reasons, *(_unordered(decision[name]) for name in _LABEL)]))


def _unordered(value: object) -> object:
    return sorted(value) if isinstance(value, list) else value
