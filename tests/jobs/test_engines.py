"""Interpreters are asked what they can train with."""

from __future__ import annotations

import sys
from pathlib import Path

from arny_studio.jobs.engines import _judged, probe_engine_now

ANSWER = {"python": "3.12.1", "versions": {"torch": "2.12"}, "missing": [], "has_unsloth": True, "devices": ["T4"]}


def test_that_our_own_interpreter_is_asked_and_lacks_unsloth():
    unsloth = probe_engine_now(sys.executable)
    assert not unsloth.is_usable
    assert unsloth.problem == "It lacks unsloth."
    assert {"torch", "trl", "msgspec"} <= unsloth.versions.keys()
    assert "-m venv ~/unsloth-env" in unsloth.install_command  # never into our own environment


def test_that_an_interpreter_that_is_not_there_or_says_nothing_is_a_sentence(tmp_path: Path):
    gone = probe_engine_now(str(tmp_path / "python"))
    assert (gone.is_usable, gone.problem) == (False, f"There is no Python at {tmp_path / 'python'}.")
    assert "venv" in gone.install_command
    mute = tmp_path / "mute"
    mute.write_text("#!/bin/sh\nexit 0\n")
    mute.chmod(0o755)
    assert probe_engine_now(str(mute)).problem == f"{mute} is not a Python 3 interpreter."
    mute.write_text(f'#!/bin/sh\n[ "$1" = -I ] && exec "{sys.executable}" "$@"\nexit 0\n')  # a Python, but no more
    assert "cannot be asked" in probe_engine_now(str(mute)).problem


def test_that_what_stands_against_an_engine_is_one_sentence():
    assert _judged("p", "unsloth", ANSWER).is_usable
    assert "GPU only" in _judged("p", "unsloth", ANSWER | {"devices": []}).problem
    assert _judged("p", "trl", ANSWER | {"devices": []}).is_usable
    assert "Python 3.9.1" in _judged("p", "trl", ANSWER | {"python": "3.9.1"}).problem
    lacking = _judged("p", "unsloth", ANSWER | {"missing": ["trl"], "has_unsloth": False})
    assert lacking.install_command == "p -m pip install unsloth trl"
