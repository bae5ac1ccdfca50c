"""Layers only point down: proven by import-linter over the source, and by fresh interpreters over `sys.modules`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ["torch", "transformers", "peft", "trl", "accelerate", "datasets", "llama_cpp", "llguidance"]
QT = ["PySide6", "pyqtgraph", "qasync"]

LOADED = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(package, "__path__", []), package.__name__ + "."):
    importlib.import_module(module.name)
print("\\n".join(sorted(sys.modules)))
"""


def modules_after_importing(package: str) -> set[str]:
    """Every module a fresh interpreter holds after importing a package and all its parts."""
    done = subprocess.run([sys.executable, "-c", LOADED, package], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("package", "banned"),
    [
        ("arny_studio.ui", [*HEAVY, "arny_studio.engine", "arny_studio.workers"]),
        ("arny_studio.cli", [*HEAVY, *QT, "arny_studio.engine", "arny_studio.workers"]),
        ("arny_studio.jobs", [*HEAVY, *QT, "arny_studio.engine"]),
        ("arny_studio.evaluation", [*HEAVY, *QT, "arny_studio.jobs"]),
        ("arny_studio.dataset", [*HEAVY, *QT, "arny_studio.jobs", "arny_studio.engine"]),
        ("arny_studio.recipe", [*HEAVY, *QT, "arny_studio.jobs"]),
        ("arny_studio.device", [*HEAVY, *QT, "arny_studio.jobs"]),
        ("arny_studio.contract", [*HEAVY, *QT, "arny_studio.jobs", "arny_studio.dataset"]),
        ("arny_studio.engine", [*QT, "arny_studio.workers", "arny_studio.ui", "arny_studio.cli"]),
        ("arny_studio.workers", [*QT, "arny_studio.ui", "arny_studio.cli"]),
    ],
)
def test_that_a_package_loads_nothing_from_above_or_beside_its_layer(package, banned):
    assert modules_after_importing(package).isdisjoint(banned)


def test_that_workers_say_hello_before_any_heavy_import():
    kinds = [path.stem for path in (ROOT / "arny_studio" / "workers").glob("*.py") if path.stem != "__init__"]
    assert "train" in kinds
    for kind in kinds:
        code = f"import arny_studio.workers.{kind}, sys; print('\\n'.join(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert set(done.stdout.split()).isdisjoint(HEAVY), kind


def test_that_the_import_contracts_hold():
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
