"""What trains: TRL in our own environment or another one, Unsloth always in one of its own. Found by asking it.

Unsloth is never bundled or imported here: it caps the training libraries below ours, and parts of it are AGPL.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from arny_studio.errors import ArnyError
from arny_studio.jobs.interpreter import check_python, worker_environment

Engine = Literal["trl", "unsloth"]
_OLDEST, _TOO_NEW = (3, 11), (3, 15)
_PATIENCE_S = 120.0  # torch on a cold disk


class EngineProbe(Struct, frozen=True, kw_only=True):
    """What an interpreter can train with. `problem` says why it cannot; `install_command` would change that."""

    python: str
    engine: Engine
    is_usable: bool
    versions: dict[str, str] = {}
    devices: list[str] = []
    problem: str = ""
    install_command: str = ""


async def probe_engine(python: str, engine: Engine = "unsloth") -> EngineProbe:
    """`probe_engine_now`, off the event loop."""
    return await asyncio.to_thread(probe_engine_now, python, engine)


def probe_engine_now(python: str, engine: Engine = "unsloth") -> EngineProbe:
    """Ask an interpreter (empty: ours) what it has. Takes seconds, since torch is imported there; raises nothing."""
    try:
        check_python(python or None)
    except ArnyError as error:
        return _unusable(python, engine, error.sentence)
    chosen = (shutil.which(python) or python) if python else sys.executable
    try:
        done = subprocess.run(
            [chosen, "-m", "arny_studio.workers.probe_engine"],
            env=worker_environment(python or None), capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return _silent(chosen, engine, f"it did not answer within {_PATIENCE_S:.0f} seconds")
    except (ValueError, OSError) as error:
        return _silent(chosen, engine, str(error).splitlines()[0])
    return _judged(chosen, engine, answer)


def _judged(python: str, engine: Engine, answer: dict[str, Any]) -> EngineProbe:
    missing = list(answer["missing"])
    if engine == "unsloth" and not answer["has_unsloth"]:
        missing.insert(0, "unsloth")
    version = tuple(map(int, answer["python"].split(".")))
    problem, command = "", ""
    if not _OLDEST <= version < _TOO_NEW:
        problem, command = f"It is Python {answer['python']}; 3.11 to 3.14 will do.", _fresh(engine)
    elif missing:
        problem = f"It lacks {', '.join(missing)}."
        into_own = engine == "unsloth" and Path(python) == Path(sys.executable)  # it would take our libraries back
        command = _fresh(engine) if into_own else shlex.join([python, "-m", "pip", "install", *missing])
    elif engine == "unsloth" and not answer["devices"]:
        problem = "Unsloth trains on a GPU only, and torch sees none there."
    return EngineProbe(
        python=python,
        engine=engine,
        is_usable=not problem,
        versions={"python": answer["python"], **answer["versions"]},
        devices=list(answer["devices"]),
        problem=problem,
        install_command=command,
    )


def _silent(python: str, engine: Engine, why: str) -> EngineProbe:
    return _unusable(python, engine, f"{python} cannot be asked: {why}.")


def _unusable(python: str, engine: Engine, problem: str) -> EngineProbe:
    return EngineProbe(python=python, engine=engine, is_usable=False, problem=problem, install_command=_fresh(engine))


def _fresh(engine: Engine) -> str:
    """The command that makes an environment for an engine from nothing; asked then, it names what else it lacks."""
    packages = "unsloth" if engine == "unsloth" else "torch transformers trl peft accelerate datasets"
    folder = f"~/{engine}-env"
    return f"python3 -m venv {folder} && {folder}/bin/pip install {packages} msgspec"
