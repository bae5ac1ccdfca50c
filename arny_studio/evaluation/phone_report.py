"""The report of a scripted run through a phone, as Markdown: what was routed where, in which time and memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from msgspec import Struct

from arny_studio.evaluation.report import markdown_table

HONESTLY = (
    "Memory and load policy are simulated; milliseconds are this computer's, not the phone's. "
    "Results of the offline sandbox are samples."
)
EXPECTED = "Expected on the phone, from counted tokens and its imported benchmark; loading is not included"
_LONGEST_CELL = 160


class ScriptedRun(Struct, frozen=True, kw_only=True):
    """What a run went through. Lines have the keys of `arny phone run --json`; the cap is in MiB."""

    phone: str
    mode: str
    models: tuple[str, ...]
    cap_mib: float
    lines: Sequence[dict[str, Any]]


def summary_of(run: ScriptedRun) -> list[tuple[str, str]]:
    """The figures of a run in words: name and value."""
    lines = run.lines
    if not lines:
        return [("Queries", "0")]
    spent = [line["ms"] for line in lines]
    peak = max(line["peak_mib"] for line in lines)
    actions = Counter(line["action"] for line in lines)
    figures = [
        ("Queries", f"{len(lines):,}"),
        ("Valid decisions", f"{100 * sum(line['valid'] for line in lines) / len(lines):.1f} %"),
        ("Paths", ", ".join(f"{action} {count}" for action, count in actions.most_common())),
        ("Median time", f"{median(spent):,.0f} ms"),
        ("95th percentile", f"{sorted(spent)[-(-95 * len(spent) // 100) - 1]:,.0f} ms"),
        ("Peak memory", f"{peak:,.0f} of {run.cap_mib:,.0f} MiB"),
        ("Loads of Tier-2", f"{sum(line['loads'] for line in lines):,}"),
    ]
    expected = [line["expected_ms"] for line in lines if line.get("expected_ms") is not None]
    if expected:
        figures.append((EXPECTED, f"median {median(expected):,.0f} ms"))
    return figures


def phone_report(run: ScriptedRun) -> str:
    """The whole report."""
    head = ["#", "Query", "Path", "Intent", "Journey", "Score", "ms", "Peak MiB", "Loads", "Reply"]
    has_expected = any(line.get("expected_ms") is not None for line in run.lines)
    rows = [_row(number, line, has_expected) for number, line in enumerate(run.lines, start=1)]
    if has_expected:
        head.append("Expected ms")
    parts = [
        f"# {run.phone}: scripted run",
        f"Mode: {run.mode.replace('_', ' ')}. Models: {', '.join(run.models)}.",
        markdown_table(["", ""], summary_of(run)),
        markdown_table(head, rows, right=(0, 5, 6, 7, 8, 10)),
        HONESTLY,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _row(number: int, line: dict[str, Any], has_expected: bool) -> list[str]:
    decision = line["decision"] or {}
    cells = [
        str(number), _cut(line["query"]), line["action"], str(decision.get("intent", "–")),
        str(decision.get("primary_journey", "–")), str(decision.get("complexity_score", "–")), f"{line['ms']:,.0f}",
        f"{line['peak_mib']:,.0f}", str(line["loads"]), _cut(line["reply"]),
    ]  # fmt: skip
    if has_expected:
        expected = line.get("expected_ms")
        cells.append("–" if expected is None else f"{expected:,.0f}")
    return cells


def _cut(text: str) -> str:
    """Text of people and models as it can stand in a cell: no HTML, no link, not endless."""
    short = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"
    for mark, plain in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("[", "&#91;"), ("!", "&#33;"), ("`", "&#96;")):
        short = short.replace(mark, plain)
    return short
