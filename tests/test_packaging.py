"""The wheel carries what the app needs, and works where the extras are not installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Runs a program in an interpreter in which the libraries of the extras cannot be found.
WITHOUT_EXTRAS = """
import runpy, sys
class Absent:
    names = {"torch", "transformers", "trl", "peft", "accelerate", "datasets", "llama_cpp", "llguidance"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
module = sys.argv[1]
sys.argv = sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built from this checkout and unpacked as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        ".",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def python(installed, *arguments, code=None):
    program = ["-c", code] if code else []
    held_open, writing_end = os.pipe()  # an interactive worker ends when its standard input does
    try:
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            cwd=installed,
            env=os.environ | {"PYTHONPATH": str(installed)},
            stdin=held_open,
            capture_output=True,
            text=True,
        )
    finally:
        os.close(held_open)
        os.close(writing_end)


def test_that_the_wheel_finds_its_data_and_resources_inside_itself(installed):
    code = (
        "from arny_studio import paths; from arny_studio.contract import load_contract\n"
        "load_contract(); print(paths.DATA_DIR, paths.DEMO_BASE.is_dir(), paths.DEMO_TIER1.is_file())"
    )
    said = python(installed, code=code).stdout
    assert str(installed) in said
    assert said.strip().endswith("True True")


def test_that_the_command_generates_from_the_wheel_alone(installed, tmp_path):
    done = python(installed, "-m", "arny_studio.cli.main", "generate", "tier1", tmp_path / "d.jsonl", "--rows", 20)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "d.jsonl").read_text().splitlines()) == 20


def test_that_the_app_starts_without_any_extra(installed):

    code = WITHOUT_EXTRAS.partition("module =")[0] + "import arny_studio.ui.app, arny_studio.ui.main_window"
    done = python(installed, code=code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("worker", "recipe", "extra"),
    [
        ("train", 'kind = "train"\nbase = "{base}"\ntrain_data = "{data}"\n', "train"),
        ("phone", 'kind = "phone"\ntier1 = "{tier1}"\n', "infer"),
        ("export", 'kind = "export"\nbase = "{base}"\nquants = ["Q8_0"]\n', "infer"),
    ],
)
def test_that_work_without_its_extra_says_which_one_to_install(installed, tmp_path, worker, recipe, extra):
    from arny_studio.dataset.generate.tier1 import generate_tier1
    from arny_studio.dataset.samples import write_jsonl
    from arny_studio.paths import DEMO_BASE, DEMO_TIER1

    data = tmp_path / "d.jsonl"
    write_jsonl(data, generate_tier1(20, seed=1))
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").write_text(recipe.format(base=DEMO_BASE, data=data, tier1=DEMO_TIER1))
    done = python(installed, f"arny_studio.workers.{worker}", run, code=WITHOUT_EXTRAS)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert '"kind":"missing_extra"' in last
    assert f"arny-studio[{extra}]" in last
    assert not list(run.rglob("*.gguf"))
