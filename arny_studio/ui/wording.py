"""Numbers as people read them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def bytes_in_words(count: float) -> str:
    """`1.5 GiB`: binary units, three significant digits at most."""
    for unit in _UNITS:
        if abs(count) < 1024 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if count >= 100 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def seconds_in_words(seconds: float | None) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`; a dash where unknown."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def moment_in_words(unix_s: float) -> str:
    """`23 Nov 14:05`, in local time."""
    return datetime.fromtimestamp(unix_s).strftime("%d %b %H:%M").lstrip("0")


def count_in_words(count: int, one: str, many: str = "") -> str:
    """`1 row`, `3,000 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def percent_in_words(share: float | None) -> str:
    """`97.3 %` of a share from 0 to 1; a dash where unknown."""
    return "–" if share is None else f"{100 * share:.1f} %"


def folder_in_words(folder: Path, workspace: Path) -> str:
    """`name › datasets` inside of the workspace called `name`; elsewhere the path, with `~` for the home folder."""
    if folder.is_relative_to(workspace):
        return " › ".join((workspace.name, *folder.relative_to(workspace).parts))
    home = Path.home()
    return str(Path("~", folder.relative_to(home))) if folder.is_relative_to(home) else str(folder)
