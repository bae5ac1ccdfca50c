"""One answered query as a line: what `arny phone run --json` prints and what a scripted run keeps."""

from __future__ import annotations

from typing import Any

from arny_studio.jobs.events import Replied

LINE_KEYS = ("query", "decision", "valid", "action", "reply", "ms", "peak_mib", "stages_ms", "loads")


def reply_line(event: Replied) -> dict[str, Any]:
    """What a scripted run says about one query; with a phone's benchmark also the expected time there."""
    line = {key: getattr(event, key) for key in LINE_KEYS}
    return line if event.expected_ms is None else line | {"expected_ms": event.expected_ms}
