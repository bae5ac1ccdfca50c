"""The only place that knows where resources, data and workspaces live."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

_PACKAGE_DIR = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    """A folder that stands beside the package in a checkout and inside it in an installed wheel."""
    inside = _PACKAGE_DIR / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE_DIR.parent / name


DATA_DIR: Path = _shipped("data")
RESOURCES_DIR: Path = _shipped("resources")
MODELS_DIR: Path = RESOURCES_DIR / "models"

DEMO_BASE: Path = MODELS_DIR / "demo-base"
DEMO_TIER1: Path = MODELS_DIR / "arny-demo-tier1-Q8_0.gguf"
DEMO_TIER2: Path = MODELS_DIR / "arny-demo-tier2-Q8_0.gguf"


def default_workspace() -> Path:
    """The workspace used when none is named: `$ARNY_WORKSPACE`, else the user's data folder."""
    named = os.environ.get("ARNY_WORKSPACE")
    return Path(named) if named else _user_folder("data") / "workspace"


def settings_dir() -> Path:
    """Where the app keeps its settings: `$ARNY_SETTINGS`, else the user's configuration folder."""
    named = os.environ.get("ARNY_SETTINGS")
    return Path(named) if named else _user_folder("config")


def cache_dir() -> Path:
    """Where things are kept that can be made again: `$ARNY_CACHE`, else the user's cache folder."""
    named = os.environ.get("ARNY_CACHE")
    return Path(named) if named else _user_folder("cache")


def _user_folder(kind: Literal["data", "config", "cache"]) -> Path:
    import platformdirs  # a worker in another interpreter is told its folders and has no need of it

    return Path(getattr(platformdirs, f"user_{kind}_dir")("ArnyStudio", appauthor=False))
