"""`python -m arny_studio.workers.plan_export RECIPE.toml FOLDER MODELS`: what an export would make, as one JSON line.

FOLDER is where the files would go, MODELS where downloaded bases lie; nothing is downloaded for a plan. Reads headers, configuration and tokenizer, no weights. Not a job: no folder, no events. Exit codes: 0, or 1 with an
error that says why this export cannot be.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec

from arny_studio.errors import ArnyError, MissingFile
from arny_studio.recipe import ExportRecipe, load_recipe


def main(recipe_file: Path, folder: Path, models: Path) -> int:
    """Print the plan."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        plan = _planned(load_recipe(recipe_file, ExportRecipe), folder, models)
    except ArnyError as error:
        print(json.dumps({"error": error.sentence, "hint": error.hint, "kind": error.kind}), file=answers, flush=True)
        return 1
    print(json.dumps(msgspec.to_builtins(plan)), file=answers, flush=True)
    return 0


def _planned(recipe: ExportRecipe, folder: Path, models: Path) -> object:
    from arny_studio.engine.base_model import local_base, look_for_downloads_in
    from arny_studio.engine.export_plan import plan_export
    from arny_studio.engine.export_source import open_source

    look_for_downloads_in(models)
    base = Path(recipe.base) if recipe.base.endswith(".gguf") else local_base(recipe.base)
    if base is None:
        raise MissingFile(
            f"{recipe.base} is not on this machine yet.", hint=f"Bring it with `arny models download {recipe.base}`."
        )
    with open_source(recipe, base, Path(recipe.adapter) if recipe.adapter else None) as source:
        return plan_export(source, recipe, folder)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
