"""A folder in memory, where tests that save hundreds of times do not wait for a disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

_IN_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as name:
        yield Path(name)
