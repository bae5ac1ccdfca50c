"""What the memory of GGUF files depends on, asked once."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from arny_studio.jobs import shapes
from arny_studio.jobs.shapes import model_shapes


@pytest.fixture
def asked(monkeypatch):
    """The processes that are started."""
    started, run = [], subprocess.run

    def counted(command, **options):
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr(shapes.subprocess, "run", counted)
    return started


def test_that_a_file_is_read_once_until_it_changes(asked, tmp_path):
    path = tmp_path / "no.gguf"
    path.write_bytes(b"no header")
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(model_shapes, [[path]] * 3))
    assert len(asked) == 1
    assert answers[0] == answers[1] == answers[2]
    assert answers[0].models[0].problem
    path.write_bytes(b"still no header")
    model_shapes([path])
    assert len(asked) == 2
