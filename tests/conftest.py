"""What every test shares: no display, one thread, a workspace of its own, the same random examples."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples every time, so that a change is judged by what it changes. HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("search", max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach a hub


@pytest.fixture(autouse=True)
def _own_workspace_and_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("ARNY_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("ARNY_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setenv("ARNY_CACHE", str(tmp_path / "cache"))
