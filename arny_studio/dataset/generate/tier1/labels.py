"""Labels that follow from what was said: complexity, confidence, the question for what is missing.

All are functions of the query alone, in few distinct values, so that a small model can learn them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MULTI_DOMAIN_EXTRA = 15
"""Points of complexity that a second request adds."""

HIGHEST_TOOL_SCORE = 59
"""Requests without reasoning stay below the default Tier-2 threshold."""

_CLEAR = 95


def complexity(band: tuple[int, int], said: int, sayable: int) -> int:
    """The score inside an intent's band: it rises with the share of its slots that the query names."""
    low, high = band
    return low + round((high - low) * said / sayable) if sayable else low


def joint_complexity(first: int, second: int) -> int:
    """The score of two requests in one sentence."""
    return min(HIGHEST_TOOL_SCORE, max(first, second) + MULTI_DOMAIN_EXTRA)


def confidence(text: str, *, has_typos: bool, missing: int, requests: int = 1) -> float:
    """How sure a router may be (0–1): fragments, typos, open slots and second requests each cost a step of 0.05."""
    words = text.count(" ") + 1
    steps = has_typos + (words < 3) + (words < 2) + (missing > 0) + (missing > 2) + (requests - 1)
    return (_CLEAR - 5 * steps) / 100


def clarification(missing: Sequence[str], questions: Mapping[str, str]) -> str:
    """One question for all missing slots: the intent's own for a single one, a composed one for several."""
    if len(missing) == 1:
        return questions.get(missing[0]) or f"What is the {readable(missing[0])}?"
    names = [readable(name) for name in missing]
    return f"Could you tell me the {', '.join(names[:-1])} and {names[-1]}?"


def readable(slot: str) -> str:
    """A slot's name in a sentence: “check_in_date” is “check in date”."""
    return slot.replace("_", " ")
