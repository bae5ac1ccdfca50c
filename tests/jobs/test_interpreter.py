from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import arny_studio
from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs import interpreter
from arny_studio.jobs.interpreter import check_python, worker_command, worker_environment

ROOT = str(Path(arny_studio.__file__).parents[1])


@pytest.fixture
def foreign_python(tmp_path: Path) -> str:
    link = tmp_path / "bin" / "python-of-another-environment"
    link.parent.mkdir()
    link.symlink_to(sys.executable)
    return str(link)


def test_that_our_own_interpreter_runs_the_worker_module(tmp_path: Path) -> None:
    command = worker_command("train", tmp_path, python=None, program=None)
    assert command == [sys.executable, "-m", "arny_studio.workers.train", str(tmp_path)]


def test_that_a_frozen_app_runs_itself_as_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    command = worker_command("train", tmp_path, python=None, program=None)
    assert command == [sys.executable, "--worker", "train", str(tmp_path)]
    foreign = worker_command("train", tmp_path, python=sys.executable, program=None)
    assert foreign[1:3] == ["-m", "arny_studio.workers.train"]


def test_that_the_environment_is_inherited_and_leads_to_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PYTHONPATH", "mine")
    environment = worker_environment(None)
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["PYTHONPATH"].split(os.pathsep) == [ROOT, "mine"]


def test_that_a_foreign_interpreter_is_not_told_of_our_environment(
    foreign_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere")
    environment = worker_environment(foreign_python)
    assert environment.keys().isdisjoint({"PYTHONHOME", "VIRTUAL_ENV"})
    assert worker_environment(None)["VIRTUAL_ENV"] == "/nowhere"


def test_that_a_foreign_interpreter_sees_the_package_and_not_its_neighbours(
    tmp_path: Path, foreign_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "arny_studio"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("here = True\n")
    (installed.parent / "neighbour.py").write_text("")
    monkeypatch.setattr(interpreter, "_PACKAGE", installed)
    monkeypatch.setattr(interpreter.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    for _ in range(2):
        environment = worker_environment(foreign_python)
        code = (
            "import arny_studio, importlib.util as u; print(arny_studio.here, u.find_spec('neighbour'),"
            " u.find_spec('pytest'))"
        )
        said = subprocess.run(
            [foreign_python, "-S", "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert said.stdout == "True None None\n"
    moved = installed.parent.parent / "moved" / "site-packages" / "arny_studio"
    moved.parent.mkdir(parents=True)
    installed.rename(moved)
    monkeypatch.setattr(interpreter, "_PACKAGE", moved)
    assert (
        Path(worker_environment(foreign_python)["PYTHONPATH"].split(os.pathsep)[0]) / "arny_studio"
    ).resolve() == moved


def test_that_our_own_installed_interpreter_needs_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "site-packages" / "arny_studio"
    monkeypatch.setattr(interpreter, "_PACKAGE", installed)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert worker_environment(None)["PYTHONPATH"] == str(installed.parent)


def test_that_a_library_in_the_folder_one_stands_in_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('hostile')\n")
    said = subprocess.run(
        [sys.executable, "-c", "import msgspec; print(msgspec.__name__)"],
        env=worker_environment(None), cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "msgspec\n"


def test_that_a_python_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="There is no Python at"):
        worker_command("train", tmp_path, python=str(tmp_path / "python"), program=None)


@pytest.mark.parametrize("program", ["ls", "echo", "true", "sh"])
def test_that_a_program_that_is_no_python_is_a_sentence(program: str) -> None:
    found = shutil.which(program)
    assert found is not None
    with pytest.raises(BadInput) as refused:
        check_python(program)
    assert refused.value.sentence == f"{found} is not a Python 3 interpreter."


def test_that_a_python_passes_and_one_that_is_silent_for_too_long_does_not(
    foreign_python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_python(None)
    check_python(foreign_python)
    hanging = tmp_path / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(interpreter, "_PATIENCE_S", 0.2)
    with pytest.raises(BadInput, match="no answer within"):
        check_python(str(hanging))
