"""What every test shares: no display, one thread, a workspace of its own."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach a hub


@pytest.fixture(autouse=True)
def _own_workspace_and_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("ARNY_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("ARNY_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setenv("ARNY_CACHE", str(tmp_path / "cache"))
