"""Small programs that answer one question with one JSON line: planning an export, inspecting a file.

Not jobs: no folder, no events. A process of its own all the same, because the file in question may be hostile.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from arny_studio.errors import BadInput
from arny_studio.jobs.interpreter import worker_command, worker_environment
from arny_studio.recipe import ExportRecipe, dump_recipe
from arny_studio.recipe.plan import ExportPlan


def answer_of(kind: str, subject: Path, *flags: str) -> dict[str, Any]:
    """What `arny_studio.workers.<kind>` says about a file. Raises BadInput where it cannot be used, or kills it."""
    command = [*worker_command(kind, subject, python=None, program=None), *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=worker_environment(None))
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise BadInput(f"{subject} brought down the process that read it.", hint=last[0]) from error
    if "error" in answer:
        raise BadInput(answer["error"], hint=answer["hint"])
    return answer


def planned_export(recipe: ExportRecipe, folder: Path, models: Path) -> ExportPlan:
    """What an export into `folder` would make, with bases downloaded into `models`. Raises BadInput where it cannot be."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "recipe.toml"
        file.write_text(dump_recipe(recipe), encoding="utf-8")
        return msgspec.convert(answer_of("plan_export", file, str(folder), str(models)), ExportPlan)
