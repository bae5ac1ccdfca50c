"""Which Python runs a worker, with which arguments and environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

import arny_studio
from arny_studio.errors import BadInput, MissingFile

_PACKAGE = Path(arny_studio.__file__).resolve().parent
_ANSWER = b"python 3"
_ASKING = "import sys; print('python', sys.version_info[0])"  # a program that repeats it does not give the answer
_PATIENCE_S = 60.0  # a first start from a cold or distant disk
_HINT = "Check the worker Python in the settings."


def check_python(python: str | None) -> None:
    """Ask a program that is to run workers whether it is a Python 3; None is ours and is not asked.

    Raises MissingFile where it is not there or cannot be run, BadInput where it is something else.
    """
    found = _found(python)
    if found == sys.executable:
        return
    try:
        done = subprocess.run(
            [found, "-I", "-c", _ASKING],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_PATIENCE_S,
            check=False,
        )  # fmt: skip
    except OSError as error:
        raise not_runnable(found, error) from error
    except subprocess.TimeoutExpired as error:
        sentence = f"{found} cannot be asked whether it is a Python: no answer within {_PATIENCE_S:.0f} seconds."
        raise BadInput(sentence, hint=_HINT) from error
    if _ANSWER not in done.stdout:
        raise BadInput(f"{found} is not a Python 3 interpreter.", hint=_HINT)


def not_runnable(program: str, error: OSError) -> MissingFile:
    """The system's refusal to start a program, in a sentence."""
    return MissingFile(f"{program} cannot be run: {error.strerror}.", hint=_HINT)


def worker_command(kind: str, folder: Path, *, python: str | None, program: Sequence[str] | None) -> list[str]:
    """The command line of a worker. `program` replaces `-m arny_studio.workers.<kind>`. Raises MissingFile."""
    is_frozen = bool(getattr(sys, "frozen", False)) and python is None
    default = ("--worker", kind) if is_frozen else ("-m", f"arny_studio.workers.{kind}")
    return [_found(python), *(program if program is not None else default), str(folder)]


def worker_environment(python: str | None) -> dict[str, str]:
    """The environment of a worker: ours (threads, caches, proxies), and the way to this package."""
    environment = dict(os.environ)
    is_foreign = python is not None and Path(_found(python)) != Path(sys.executable)
    if is_foreign:
        for name in ("PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"):
            environment.pop(name, None)
    search = [str(_package_root(is_foreign)), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(part for part in search if part)
    environment["PYTHONSAFEPATH"] = "1"  # a torch.py in the folder one happens to stand in is not the library
    environment["PYTHONUTF8"] = "1"
    return environment


def _found(python: str | None) -> str:
    if python is None:
        return sys.executable
    found = shutil.which(python)
    if found is None:
        raise MissingFile(f"There is no Python at {python}.", hint=_HINT)
    return found


def _package_root(is_foreign: bool) -> Path:
    """The folder to search for this package, and in an installation for nothing else.

    Site-packages as a whole would shadow the libraries of a foreign interpreter, so it gets a folder of its own.
    """
    root = _PACKAGE.parent
    if not is_foreign or root.name not in ("site-packages", "dist-packages"):
        return root
    alone = Path(platformdirs.user_cache_dir("ArnyStudio", appauthor=False)) / f"package-{arny_studio.__version__}"
    return _linked_alone(_PACKAGE, alone)


def _linked_alone(package: Path, alone: Path) -> Path:
    """A folder that holds nothing but a link to the package."""
    alone.mkdir(parents=True, exist_ok=True)
    link = alone / package.name
    if link.is_symlink() and link.resolve() != package:
        link.unlink()
    if not link.exists():
        try:
            link.symlink_to(package, target_is_directory=True)
        except OSError:  # pragma: no cover - Windows without the right to make links
            shutil.copytree(package, link)
    return alone
