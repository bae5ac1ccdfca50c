"""Files are whole or absent."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys

import pytest

from arny_studio.atomic import replaced_file, write_text_atomically
from arny_studio.errors import BadInput


def test_that_a_failing_writer_leaves_the_old_file_and_no_trace(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replaced_file(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_that_a_symlink_is_followed_and_the_mode_is_kept(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_text_atomically(link, "new")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new", 0o640)


def test_that_a_full_disk_is_said_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import sys; from pathlib import Path; from arny_studio.atomic import write_text_atomically as w\n"
        "from arny_studio.errors import DiskFull\n"
        "try: w(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except DiskFull as error: print(error.sentence)"
    )

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    done = subprocess.run([sys.executable, "-c", code, str(path)], preexec_fn=limit, capture_output=True, text=True)
    assert "The disk is full" in done.stdout, done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_that_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="should be a folder, but a file is in its place"):
        write_text_atomically(tmp_path / "file" / "below.txt", "x")
