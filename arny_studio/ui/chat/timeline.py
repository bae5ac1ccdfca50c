"""The phone's memory over time, folded from its events: what it held, under which cap, and what happened when."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.jobs.events import AnyEvent, Ledger, LoadRefused, Memory, ModelLoaded, ModelUnloaded, Replied

MarkKind = Literal["load", "unload", "answer", "refusal", "kill", "pressure"]
POINTS_KEPT, MARKS_KEPT = 4_000, 400


class Mark(Struct, frozen=True, kw_only=True):
    """Something that happened, at a Unix time."""

    time_s: float
    kind: MarkKind
    text: str


class Timeline(Struct, frozen=True, kw_only=True):
    """Points of (Unix time, bytes held), the marks, and the cap in bytes as it changed: (from when, cap)."""

    points: tuple[tuple[float, int], ...] = ()
    marks: tuple[Mark, ...] = ()
    caps: tuple[tuple[float, int], ...] = ()

    @property
    def span_s(self) -> tuple[float, float]:
        """From the first to the last thing known; at least ten seconds, so that a young phone is not all noise."""
        times = [point[0] for point in (*self.points[:1], *self.points[-1:])]
        times += [mark.time_s for mark in (*self.marks[:1], *self.marks[-1:])]
        first, last = min(times, default=0.0), max(times, default=0.0)
        return first, max(last, first + 10.0)


def noted(timeline: Timeline, event: AnyEvent) -> Timeline:
    """The timeline after an event of the phone."""
    match event:
        case Memory():
            return _with_point(timeline, event.time_s, event.rss_bytes)
        case Ledger():
            grown = _with_point(timeline, event.time_s, event.used_bytes)
            return with_cap(grown, event.time_s, event.cap_bytes)
        case ModelLoaded():
            return marked(timeline, event.time_s, "load", f"Tier-{event.tier} loaded in {event.elapsed_ms:,.0f} ms")
        case ModelUnloaded():
            return marked(timeline, event.time_s, "unload", f"Tier-{event.tier} unloaded: {event.because}")
        case LoadRefused():
            return marked(timeline, event.time_s, "refusal", f"Tier-{event.tier} refused: {event.sentence}")
        case Replied():
            return marked(timeline, event.time_s, "answer", f"Answered: {event.action}, peak {event.peak_mib:,.0f} MiB")
    return timeline


def marked(timeline: Timeline, time_s: float, kind: MarkKind, text: str) -> Timeline:
    """The timeline with one more mark."""
    mark = Mark(time_s=time_s, kind=kind, text=text)
    return replace(timeline, marks=(*timeline.marks, mark)[-MARKS_KEPT:])


def given_back(timeline: Timeline, time_s: float) -> Timeline:
    """The timeline after the phone ended: nothing is held any more."""
    return _with_point(timeline, time_s, 0)


def with_cap(timeline: Timeline, time_s: float, cap: int) -> Timeline:
    """The timeline with the cap that holds from a moment on."""
    if timeline.caps and timeline.caps[-1][1] == cap:
        return timeline
    return replace(timeline, caps=(*timeline.caps, (time_s, cap))[-MARKS_KEPT:])


def _with_point(timeline: Timeline, time_s: float, used: int) -> Timeline:
    return replace(timeline, points=(*timeline.points, (time_s, used))[-POINTS_KEPT:])
