"""The estimates of a preflight in words, the same in the window and in the terminal."""

from __future__ import annotations

from arny_studio.recipe.preflight import Estimate, Finding, Level, PreflightReport

MEMORY_SLACK = 0.95  # of what is free: more than that and the machine begins to swap


def estimate_findings(report: PreflightReport) -> list[Finding]:
    """Time and memory as findings; none where they could not be estimated."""
    found = []
    if report.seconds is not None:
        text = f"About {duration_in_words(report.seconds.value)} of training.{_experience(report.seconds)}"
        found.append(Finding(key="time", title="Time", text=text))
    if report.memory is not None:
        found.append(_memory(report, report.memory))
    return found


def duration_in_words(seconds: float) -> str:
    """`40 s`, `12 min`, `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def bytes_in_words(count: float) -> str:
    """`640 MB`, `5.2 GB` (powers of ten)."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _memory(report: PreflightReport, memory: Estimate) -> Finding:
    largest = sorted(report.memory_parts, key=lambda part: -part.bytes)[:3]
    parts = ", ".join(f"{part.title.lower()} {bytes_in_words(part.bytes)}" for part in largest)
    free = report.memory_available_bytes
    text = (
        f"About {bytes_in_words(memory.value)} at the peak ({parts}), {bytes_in_words(free)} free.{_experience(memory)}"
    )
    level: Level = "warning" if memory.value > MEMORY_SLACK * free else "ok"
    hint = report.memory_relief if level == "warning" else ""
    return Finding(key="memory", title="Memory", text=text, level=level, hint=hint)


def _experience(estimate: Estimate) -> str:
    if estimate.past_error is None:
        return " A first guess: no training has ended on this machine yet."
    runs = "1 past run" if estimate.past_runs == 1 else f"{estimate.past_runs} past runs"
    return f" Corrected by {runs} here; past error {estimate.past_error:.0%}."
