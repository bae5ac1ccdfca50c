"""What the app remembers between two starts: one small JSON file, replaced atomically."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

ThemeMode = Literal["system", "light", "dark"]
RECENT_LIMIT = 10


class Settings(Struct, frozen=True, kw_only=True):
    """Everything remembered. Unknown keys of a newer version are dropped, a damaged file counts as empty."""

    theme: ThemeMode = "system"
    workspace: str = ""
    tab: str = ""
    geometry: str = ""  # QWidget.saveGeometry in base64
    rail_is_narrow: bool = False
    recent_datasets: tuple[str, ...] = ()
    recent_workspaces: tuple[str, ...] = ()
    open_datasets: dict[str, tuple[str, ...]] = {}  # workspace → files that were open, the one in front last
    saved_filters: dict[str, str] = {}  # name → query
    data_columns: tuple[str, ...] = ()  # of the table of rows; empty: those that fit
    training_python: str = ""  # the Python that trains, where it is not ours
    splitters: dict[str, str] = {}  # name of the splitter → QSplitter.saveState in base64


class SettingsStore:
    """The settings and their file. Writing never raises: losing a window position is no reason to stop."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "settings.json"
        self.values = self._read()

    def change(self, **changes: Any) -> None:
        """Replace some fields and write the file."""
        self.values = msgspec.structs.replace(self.values, **changes)
        self._write()

    def remember_dataset(self, path: Path) -> None:
        """Put a file on top of the recent datasets."""
        self.change(recent_datasets=_on_top(str(path), self.values.recent_datasets))

    def remember_workspace(self, root: Path) -> None:
        """The workspace to open next time."""
        recent = _on_top(str(root), self.values.recent_workspaces)
        self.change(workspace=str(root), recent_workspaces=recent)

    def _read(self) -> Settings:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Settings)
        except (OSError, msgspec.MsgspecError, ValueError):
            return Settings()

    def _write(self) -> None:
        partial = self._path.with_suffix(".partial")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(self.values)))
            partial.replace(self._path)


def _on_top(item: str, items: tuple[str, ...]) -> tuple[str, ...]:
    return (item, *(other for other in items if other != item))[:RECENT_LIMIT]
