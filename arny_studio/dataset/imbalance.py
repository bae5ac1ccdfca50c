"""Whether the journeys of a dataset are so unevenly covered that a router will not learn the rare ones."""

from __future__ import annotations

import numpy as np

_FEWEST_ROWS = 200  # a smaller dataset says little about balance
_RARE_SHARE = 0.1  # of what an even spread would give
_DOMINANT_SHARE = 0.5  # of all rows
_NAMED = 6


def imbalance_sentences(codes: np.ndarray, words: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """What is uneven about the journeys, in sentences. `codes` is (rows,) int32 into `words`, -1: no decision."""
    routed = codes[codes >= 0]
    if len(routed) < _FEWEST_ROWS:
        return ()
    counts = dict(zip(words, np.bincount(routed, minlength=len(words)).tolist(), strict=True))
    fair = len(routed) / len(known)
    absent = [name for name in known if not counts.get(name)]
    rare = [name for name in known if 0 < counts.get(name, 0) < fair * _RARE_SHARE]
    sentences = []
    if absent:
        sentences.append(f"No row is routed to {_listed(absent)}.")
    if rare:
        sentences.append(f"Fewer than {fair * _RARE_SHARE:.0f} rows each are routed to {_listed(rare)}.")
    name, most = max(counts.items(), key=lambda item: item[1])
    if most > len(routed) * _DOMINANT_SHARE:
        sentences.append(f"{most / len(routed):.0%} of the rows are routed to {name}.")
    return tuple(sentences)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
