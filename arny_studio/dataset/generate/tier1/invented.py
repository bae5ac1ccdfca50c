"""Names that nobody has heard: the beginning of one name and the end of another."""

from __future__ import annotations

from arny_studio.dataset.generate.tier1.draw import Draw, Source


def inventing(source: Source, share: float) -> Source:
    """A source that gives an invented value where it would have given a known one, in a share (0–1) of its draws."""

    def invented(draw: Draw) -> str:
        value = source(draw)
        return blended(value, source(draw)) if draw.random() < share else value

    return invented


def blended(one: str, other: str) -> str:
    """“boston” and “denver” are “bosver”; “new york” and “las vegas” are “new vegas”."""
    return " ".join((one[: (len(one) + 1) // 2] + other[len(other) // 2 :]).split())
